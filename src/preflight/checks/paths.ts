import { existsSync, statSync } from 'node:fs'
import { isInside, realPath } from '../../file/real-path.js'
import { type Check, problem } from '../check.js'

/** Neither directory may be inside the other, even through links. */
export const paths: Check = ({ source: { givenDir: dir }, options: { destDir } }) => {
  const [src, dest] = [realPath(dir), realPath(destDir)]
  const refused = (how: string) => [
    problem(`Cannot migrate "${dir}" to "${destDir}": ${how}`, 'Give --dest a new directory outside of the source'),
  ]
  if (existsSync(dest) && !statSync(dest).isDirectory()) return refused('the destination is not a directory')
  if (src === dest) return refused('source and destination are the same directory')
  if (isInside(dest, src)) return refused('the destination lies inside the source')
  return isInside(src, dest) ? refused('the source lies inside the destination') : []
}
