import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../bin/config.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { makeFolder } from '../support/folder.ts'
import { fillRepository, git } from '../support/repository.ts'

export const GITHUB_REPOSITORY = 'acme/app'
const TOKEN = 'fault-token'

/** The repositories and the forge that tasks work on. They live in this process and survive every kill. */
export type World = AsyncDisposable & {
  folder: string
  dataDir: string
  /** A bare repository that is reached by its path. */
  origin: string
  /** The bare repository behind the forge. */
  forgeOrigin: string
  /** What the server must know to reach the forge. */
  env: Record<string, string>
  apiUrl: string
  token: string
  /** Called at the very moment a pull request comes into being, before the answer leaves. */
  onPullRequest: (listener: () => void) => void
  hasPullRequest: (branch: string) => boolean
}

/** Makes a folder with an origin, a forge and an empty data folder. */
export async function createWorld(): Promise<World> {
  const cleanup = cleanupStack()
  const folder = makeFolder('drydock-fault-', cleanup)
  const origin = join(folder, 'origin.git')
  git(folder, 'init', '-q', '--bare', '-b', 'main', origin)
  const files = { 'README.md': 'hello\n', ...Object.fromEntries(textFiles(200)) }
  fillRepository(origin, { main: files })

  const { startFakeGitHub } = await loadFakeGitHub()
  const forge = await startFakeGitHub(join(folder, 'forge'))
  cleanup.defer(() => forge[Symbol.asyncDispose]())
  forge.addToken(TOKEN, 'drydock-bot')
  const repository = forge.addRepository(GITHUB_REPOSITORY, { writers: ['drydock-bot'] })
  fillRepository(repository.path, { main: files })
  // git makes the folder of a branch's name on the first push; watching it needs it before.
  for (const bare of [origin, repository.path]) await mkdir(join(bare, 'refs/heads/drydock'), { recursive: true })

  const { pulls } = forge.state
  const add = pulls.push.bind(pulls)
  let listener: () => void = () => undefined
  pulls.push = (...made) => {
    const count = add(...made)
    listener()
    return count
  }
  return {
    folder,
    dataDir: join(folder, 'data'),
    origin,
    forgeOrigin: repository.path,
    env: { DRYDOCK_GITHUB_TOKEN: TOKEN, DRYDOCK_GITHUB_API: forge.apiUrl, DRYDOCK_GITHUB_URL: forge.webUrl },
    apiUrl: forge.apiUrl,
    token: TOKEN,
    onPullRequest: (next) => (listener = next),
    hasPullRequest: (branch) => pulls.some(({ head }) => head === branch),
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  }
}

const textFiles = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, i) => [`src/part-${i % 10}/file-${i}.txt`, `line\n`.repeat(i)])

/** The forge of the tests. Built along with this file, and its description of GitHub is put beside it. */
async function loadFakeGitHub() {
  const description = join('test', 'support', 'openapi', 'github.json')
  const built = join(packageRoot, 'dist', description)
  if (import.meta.dirname.startsWith(join(packageRoot, 'dist'))) await copyFile(join(packageRoot, description), built)
  return import('../../test/support/fake-github/fake-github.ts')
}
