import type { Folder } from './folder.ts'
import { parseToml, string, strings, table } from './parse.ts'
import type { Loose } from './parse.ts'

/** Names of extras and groups by which projects call what their tests need. */
const FOR_TESTS = ['dev', 'test', 'tests', 'testing']
const REQUIREMENTS = [
  /^requirements\.txt$/,
  /^(requirements[-_.](dev|develop|development|test|tests|testing)|(dev|test)[-_.]requirements)\.txt$/,
  /^requirements\/(base|dev|development|test|tests|testing)\.txt$/,
]
/** A requirement as the shell may get it, quoted: no option, no path, no address. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}(\s*\[[A-Za-z0-9._, -]{1,100}\])?[\sA-Za-z0-9<>=!~.*,+();"'_-]{0,200}$/

/** Requirement files by their usual names, those for running before those for tests. */
export function requirementFiles(folder: Folder): string[] {
  return REQUIREMENTS.flatMap((pattern) => folder.below.filter((path) => pattern.test(path)).sort()).slice(0, 6)
}

/** The extras and dependency groups of a project that its tests need. */
export function extrasForTests(project: Loose): { extras: string[]; groups: string[] } {
  const among = (value: Loose) => FOR_TESTS.filter((name) => Object.hasOwn(value, name))
  const poetry = Object.keys(table(project, 'tool', 'poetry', 'extras')).filter((name) => FOR_TESTS.includes(name))
  return {
    extras: [...among(table(project, 'project', 'optional-dependencies')), ...poetry],
    groups: among(table(project, 'dependency-groups')),
  }
}

/** What a project that is no package needs: pip cannot be told to install dependencies alone. */
export function dependenciesOf(project: Loose): string[] {
  return strings(table(project, 'project').dependencies).filter((each) => PLAIN.test(each))
}

/** The packages of a `Pipfile` as pip takes them. */
export function pipfileRequirements(text: string): string[] | undefined {
  const read = parseToml(text)
  if (!read.ok) return undefined
  return ['packages', 'dev-packages'].flatMap((kind) =>
    Object.entries(table(read.value, kind)).flatMap(([name, value]) => {
      const version = string(value) ?? string(table(value).version) ?? '*'
      const requirement = name + (version === '*' ? '' : version)
      return PLAIN.test(requirement) && Object.keys(table(value)).every((key) => key !== 'path' && key !== 'git')
        ? [requirement]
        : []
    }),
  )
}
