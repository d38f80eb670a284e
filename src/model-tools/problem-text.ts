import type { ModelProblem } from '../model/model.js'

/** A line that says what is wrong with a part of a model. */
export function problemText({ kind, name, message }: ModelProblem): string {
  const noun = { type: 'type', form: 'form', prop: 'property', univ: 'universal property', tagProp: 'tag property' }[
    kind
  ]
  return `${noun} ${name}: ${message}`
}
