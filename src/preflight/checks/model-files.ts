import { Model } from '../../model/model.js'
import { problemText } from '../../model-tools/problem-text.js'
import { type Check, problem, warning } from '../check.js'

/** Model files that make no sense would stop the run at its start. */
export const modelFiles: Check = ({ options }) => {
  const model = Model.core()
  const problems = options.modelFiles.flatMap((file) => model.addWhatFits(file).problems)
  return problems.map((each) =>
    each.isKnown
      ? warning(
          `A model file is passed over where the model has the same already: ${problemText(each)}`,
          'Nothing needs to be done, unless the model file should have a name of its own for it',
        )
      : problem(
          `Cannot use a model file: ${problemText(each)}`,
          'Correct the model file, see docs/model-file.md; "synapse-migrator model check" names all that it lacks',
        ),
  )
}
