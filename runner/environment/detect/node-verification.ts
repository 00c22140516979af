import type { Folder } from './folder.ts'
import type { ManagerName } from './node-manager.ts'
import type { Member } from './node-workspaces.ts'
import { string, table } from './parse.ts'
import type { Loose } from './parse.ts'
import type { Step } from './part.ts'
import { inFolder } from './shell.ts'

type Input = { manifest: Loose; manager: ManagerName; members: readonly Member[] | undefined }

export const TEST_FILE = /(^|\/)(test|tests|__tests__)\/[^/]+\.[cm]?[jt]s$|\.(test|spec)\.[cm]?[jt]s$/

/** Test runners, and what runs all tests once. */
const RUNNERS = [
  ['vitest', 'vitest run'],
  ['jest', 'jest'],
  ['mocha', 'mocha'],
  ['ava', 'ava'],
  ['tap', 'tap'],
  ['jasmine', 'jasmine'],
] as const

/** How a Node project is built and tested: by its own scripts, else by what its files show. */
export function nodeVerification(folder: Folder, input: Input): Step[] {
  const from = folder.at('package.json')
  const steps: Step[] = []
  for (const script of ['build', 'test'] as const) {
    for (const run of commandsFor(script, input)) {
      const why = script === 'build' ? 'the project has a script "build"' : 'the project has a script "test"'
      steps.push({ run, why, from })
    }
  }
  if (steps.some(({ why }) => why.includes('"test"'))) return steps
  const tests = folder.below.find((path) => TEST_FILE.test(path))
  const runner = RUNNERS.find(([name]) => dependsOn(input.manifest, name))
  if (runner !== undefined)
    steps.push({
      run: `CI=true npx --no ${runner[1]}`,
      why: `there is no script "test", and the project has ${runner[0]}`,
      from,
    })
  else if (tests !== undefined)
    steps.push({
      run: 'node --test',
      why: 'there is no script "test", and there are test files',
      from: folder.at(tests),
    })
  if (steps.length === 0 && folder.has('tsconfig.json') && dependsOn(input.manifest, 'typescript'))
    steps.push({
      run: 'npx --no tsc --noEmit',
      why: 'there are no tests; the types can be checked',
      from: folder.at('tsconfig.json'),
    })
  return steps
}

function commandsFor(script: 'build' | 'test', { manifest, manager, members = [] }: Input): string[] {
  if (isReal(script, table(manifest, 'scripts'))) return [one(script, manager)]
  const having = members.filter(({ scripts }) => isReal(script, scripts))
  if (having.length === 0) return []
  const ci = script === 'test' ? 'CI=true ' : ''
  if (manager === 'npm') return [`${ci}npm run ${script} --workspaces --if-present`]
  if (manager === 'pnpm') return [`${ci}pnpm --recursive --if-present run ${script}`]
  if (manager === 'berry') return [`${ci}yarn workspaces foreach --all --topological run ${script}`]
  return having.map(({ path }) => inFolder(path, one(script, manager)))
}

/** Several test runners watch for changes and never end, unless they are told that nobody is there. */
function one(script: 'build' | 'test', manager: ManagerName): string {
  const program = manager === 'berry' ? 'yarn' : manager
  return script === 'test' ? `CI=true ${program} test` : `${program} run build`
}

/** `npm init` writes a test that only fails. */
function isReal(script: string, scripts: Loose): boolean {
  const text = string(scripts[script])
  return text !== undefined && text.trim() !== '' && !text.includes('no test specified')
}

function dependsOn(manifest: Loose, name: string): boolean {
  return ['dependencies', 'devDependencies'].some((kind) => Object.hasOwn(table(manifest, kind), name))
}
