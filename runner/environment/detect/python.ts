import type { Folder } from './folder.ts'
import { parseToml, string, table } from './parse.ts'
import type { Loose } from './parse.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'
import { dependenciesOf, extrasForTests, pipfileRequirements, requirementFiles } from './python-requirements.ts'
import { pythonVerification } from './python-verification.ts'
import { quote } from './shell.ts'
import { satisfies } from './semver.ts'
import { TOOLCHAINS } from '../../../domain/environments/toolchains.ts'
import { cut, versionFiles } from './version-files.ts'

/** Build backends that the image has, so that no registry is needed for building. */
const BACKENDS = /^(setuptools|hatchling|poetry\.core|pdm\.backend|flit_core)/
const PIP = 'python -m pip install'
const OFFLINE = `${PIP} --no-build-isolation --check-build-dependencies`

/** A Python project, by its manifest or its requirement files. */
export function detectPython(folder: Folder): Part | undefined {
  const files = requirementFiles(folder)
  const manifest = folder.first('pyproject.toml', 'setup.py', 'setup.cfg', 'Pipfile')
  if (manifest === undefined && files.length === 0) return undefined
  const part = emptyPart('Python')
  const project = readProject(part, folder)
  part.versions.push(...versionFiles(folder, 'python'))
  const isInstalled = addProject(part, { folder, project, files })
  part.manifests.push(
    ...[manifest, ...files, folder.first('poetry.lock', 'Pipfile.lock')]
      .filter((each) => each !== undefined)
      .map(folder.at),
  )
  part.verification.push(...pythonVerification(folder, { project, isInstalled }))
  return part
}

function readProject(part: OpenPart, folder: Folder): Loose {
  const read = parseToml(folder.text('pyproject.toml') ?? '')
  if (read.ok) return read.value
  const why = `it cannot be read: ${read.error}`
  part.notes.push({ what: 'pyproject.toml is not used', why, from: folder.at('pyproject.toml') })
  return {}
}

/** Python tests that nothing is said about. */
export function detectBarePython(folder: Folder): Part | undefined {
  const verification = pythonVerification(folder, { project: {}, isInstalled: false })
  return verification.length === 0 ? undefined : { ...emptyPart('Python'), verification }
}

type Input = { folder: Folder; project: Loose; files: readonly string[] }

/** Adds what installs the project. Says whether its own modules can be imported afterwards. */
function addProject(part: OpenPart, { folder, project, files }: Input): boolean {
  for (const file of files)
    part.setup.push({ run: `${PIP} -r ${quote(file)}`, why: 'installs what the file lists', from: folder.at(file) })
  if (folder.has('uv.lock') || folder.has('pdm.lock')) {
    const lock = folder.first('uv.lock', 'pdm.lock') ?? ''
    const why = 'Debian does not offer its tool, so pip installs what pyproject.toml names'
    part.notes.push({ what: `${lock} is not used`, why, from: folder.at(lock) })
  }
  if (Object.keys(table(project, 'tool', 'poetry')).length > 0) return addPoetry(part, folder, project)
  if (addPipfile(part, folder)) return false
  const isPackage =
    'build-system' in project || folder.has('setup.py') || /^\[metadata\]/m.test(folder.text('setup.cfg') ?? '')
  if (isPackage) return addPackage(part, folder, project)
  const requirements = dependenciesOf(project)
  const { groups } = extrasForTests(project)
  const words = [...requirements.map(quote), ...groups.map((name) => `--group ${name}`)]
  const why = 'the project is no package of its own, so only what it needs is installed'
  if (words.length > 0) part.setup.push({ run: `${PIP} ${words.join(' ')}`, why, from: folder.at('pyproject.toml') })
  return false
}

function addPackage(part: OpenPart, folder: Folder, project: Loose): boolean {
  const from = folder.at(folder.first('pyproject.toml', 'setup.py', 'setup.cfg') ?? '')
  const { extras, groups } = extrasForTests(project)
  const what = [
    `-e ${extras.length === 0 ? '.' : quote(`.[${extras.join(',')}]`)}`,
    ...groups.map((name) => `--group ${name}`),
  ]
  const target = [...ignoringVersion(part, folder, project), ...what].join(' ')
  const backend = string(table(project, 'build-system')['build-backend']) ?? 'setuptools'
  if (!BACKENDS.test(backend)) {
    const needs = [...dependenciesOf(project).map(quote), ...groups.map((name) => `--group ${name}`)]
    const alone = needs.length === 0 ? `echo 'The project is used where it is'` : `${PIP} ${needs.join(' ')}`
    const why = `installs the project; only what it needs where its build backend ${cut(backend)} cannot be had`
    part.setup.push({ run: `${PIP} ${target} || ${alone}`, why, from })
    return false
  }
  part.setup.push({
    run: `${OFFLINE} ${target} || ${PIP} ${target}`,
    why: 'installs the project so that its files are used in place; with the build backend of the image where that will do',
    from,
  })
  if (/^setuptools/.test(backend)) dropMetadata(part, folder, from)
  return true
}

/** In place, setuptools leaves a folder beside the sources that nothing reads afterwards. */
function dropMetadata(part: OpenPart, folder: Folder, from: string): void {
  if (folder.ignores('*.egg-info') || folder.below.some((path) => path.includes('.egg-info/'))) return
  const why = 'no .gitignore names these folders, so they would appear in every change'
  part.setup.push({ run: 'rm -rf ./*.egg-info src/*.egg-info', why, from })
}

/** Pip refuses a project that was made for another Python; here that is the only one there is. */
function ignoringVersion(part: OpenPart, folder: Folder, project: Loose): string[] {
  const range = string(table(project, 'project')['requires-python'])
  if (range === undefined || satisfies(range.replaceAll(' ', ''), `${TOOLCHAINS.python.has}.5`) !== false) return []
  const why = `requires-python is ${cut(range)}, and the image has Python ${TOOLCHAINS.python.has} and no other`
  part.notes.push({ what: 'requires-python is not heeded', why, from: folder.at('pyproject.toml') })
  return ['--ignore-requires-python']
}

function addPoetry(part: OpenPart, folder: Folder, project: Loose): true {
  const hasLock = folder.has('poetry.lock')
  const made = hasLock ? '' : ' && rm -f poetry.lock'
  const backup = `${OFFLINE} --no-index ${ignoringVersion(part, folder, project).join(' ')} -e .`.replace('  ', ' ')
  part.setup.push({
    run: `{ poetry install --no-interaction${made}; } || ${backup}`,
    why: `installs ${hasLock ? 'what poetry.lock says' : 'what pyproject.toml names'}; without a registry, with what the image has`,
    from: folder.at(hasLock ? 'poetry.lock' : 'pyproject.toml'),
  })
  return true
}

function addPipfile(part: OpenPart, folder: Folder): boolean {
  const text = folder.text('Pipfile')
  if (text === undefined) return false
  const from = folder.at('Pipfile')
  const requirements = pipfileRequirements(text)
  if (requirements === undefined) {
    part.notes.push({ what: 'Pipfile is not used', why: 'it cannot be read as TOML', from })
    return true
  }
  const byPip = `${PIP} ${requirements.map(quote).join(' ')}`
  if (folder.has('Pipfile.lock')) {
    const run = `pipenv sync --dev${requirements.length === 0 ? '' : ` || ${byPip}`}`
    part.setup.push({
      run,
      why: 'installs exactly what Pipfile.lock says; by pip from the Pipfile where that fails',
      from,
    })
  } else if (requirements.length > 0)
    part.setup.push({ run: byPip, why: 'there is no lock file, so pip installs what the Pipfile names', from })
  return true
}
