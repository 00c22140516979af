import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AttemptFailure } from '../failure.ts'
import type { AgentProgram } from './program.ts'

/** The programs of all agents, by agent. */
export type Programs = Readonly<Record<AgentProgram['id'], AgentProgram>>
export type ProgramFacts = Readonly<Record<AgentProgram['id'], Pick<AgentProgram, 'version' | 'sha256'>>>

/** Where an agent's package has what a sandbox is given, and the program in it. */
type Place = { package: string; folder: string; program: string; unneeded?: string }

/** A folder of each agent is mounted whole: codex finds its helpers beside its program. */
function placesFor(cpu: string): Readonly<Record<AgentProgram['id'], Place>> {
  const vendor = `vendor/${cpu === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-musl`
  return {
    codex: {
      package: `codex-linux-${cpu}`,
      folder: vendor,
      program: 'bin/codex',
      unneeded: `${vendor}/codex-resources/voice`,
    },
    claude: { package: `@anthropic-ai/claude-code-linux-${cpu}`, folder: '.', program: 'claude' },
    opencode: {
      // The one for processors without AVX2 runs on all of them.
      package: cpu === 'x64' ? 'opencode-linux-x64-baseline' : `opencode-linux-${cpu}`,
      folder: 'bin',
      program: 'opencode',
    },
  }
}

const IDS = ['codex', 'claude', 'opencode'] as const

/** Makes fetched packages fit for sandboxes, whose users are others than ours, and says what they are. */
export async function preparePackages(folder: string, cpu: string): Promise<ProgramFacts> {
  const places = placesFor(cpu)
  const factsOf = async (id: AgentProgram['id']) => {
    const place = places[id]
    const root = join(folder, 'node_modules', place.package)
    try {
      if (place.unneeded !== undefined) await rm(join(root, place.unneeded), { recursive: true, force: true })
      const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
      await makeReadable(root)
      // The platform is a part of codex's version.
      return {
        version: version.split('-linux-')[0] ?? version,
        sha256: await sha256(join(root, place.folder, place.program)),
      }
    } catch (error) {
      const sentence = `Cannot install agents: npm left out ${place.package}. Its package could not be fetched for this machine.`
      throw new AttemptFailure('agent-unavailable', sentence, { cause: error })
    }
  }
  const [codex, claude, opencode] = await Promise.all(IDS.map(factsOf))
  if (!codex || !claude || !opencode) throw new Error('An agent has no facts')
  return { codex, claude, opencode }
}

/** The programs below the folder that they are in by now. */
export function programsOf(facts: ProgramFacts, { folder, cpu }: { folder: string; cpu: string }): Programs {
  const places = placesFor(cpu)
  const programOf = (id: AgentProgram['id']): AgentProgram => {
    const place = places[id]
    const target = `/opt/drydock/${id}`
    const mount = { host: join(folder, 'node_modules', place.package, place.folder), target }
    return { id, ...facts[id], mount, argv0: `${target}/${place.program}` }
  }
  return { codex: programOf('codex'), claude: programOf('claude'), opencode: programOf('opencode') }
}

async function makeReadable(path: string): Promise<void> {
  const { mode } = await stat(path)
  const entries = await readdir(path, { withFileTypes: true })
  await chmod(path, mode | 0o555)
  for (const entry of entries) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) await makeReadable(child)
    else if (entry.isFile()) await chmod(child, readable((await stat(child)).mode))
  }
}

const readable = (mode: number) => mode | 0o444 | (mode & 0o100 ? 0o111 : 0)

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
