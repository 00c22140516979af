import { wantedFiles } from '../../../runner/environment/detect/files.ts'
import type { Repository } from '../../../runner/environment/detect/files.ts'

/** Files as a runner hands them to the detector: all paths, and the text of those that it asks for. */
export function repositoryOf(files: Readonly<Record<string, string>>): Repository {
  const paths = Object.keys(files)
  return { paths, texts: new Map(wantedFiles(paths).map((path) => [path, files[path] ?? ''])) }
}
