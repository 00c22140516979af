import type { Folder } from './folder.ts'
import { table } from './parse.ts'
import type { Loose } from './parse.ts'
import type { Step } from './part.ts'

type Input = { project: Loose; isInstalled: boolean }

/** How a Python project is tested. Pytest is in the image, and runs tests of unittest, too. */
export function pythonVerification(folder: Folder, { project, isInstalled }: Input): Step[] {
  const tests = folder.below.find((path) => /(^|\/)(test_[^/]*|[^/]*_test)\.py$/.test(path))
  const configured = Object.keys(table(project, 'tool', 'pytest')).length > 0 || folder.has('pytest.ini')
  if (folder.has('manage.py') && !configured && !folder.has('conftest.py'))
    return [{ run: 'python manage.py test', why: 'manage.py shows a Django project', from: folder.at('manage.py') }]
  // Tests beside a folder `src` that is not installed find it by this only.
  const path =
    !isInstalled && !configured && folder.below.some((each) => each.startsWith('src/') && each.endsWith('.py'))
  const prefix = path ? 'PYTHONPATH=src ' : ''
  if (tests !== undefined)
    return [
      { run: `${prefix}python -m pytest`, why: 'there are test files; pytest is in the image', from: folder.at(tests) },
    ]
  const unittests = folder.below.find((each) => /(^|\/)tests?[^/]*\.py$/.test(each))
  if (unittests === undefined) return []
  const why = 'the names of the test files are those that unittest looks for'
  return [{ run: `${prefix}python -m unittest discover`, why, from: folder.at(unittests) }]
}
