import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One thing of the machine that a run could leave behind. `labels` as the engine prints them. */
export type Thing = { type: string; name: string; labels: string }

/** Everything at the engine, every mount, and what lies in the temporary folder. */
export function inventory(): Thing[] {
  return [
    ...docker('container', ['ps', '-a', '--no-trunc', '--format', '{{.Names}}\t{{.Labels}}']),
    ...docker('network', ['network', 'ls', '--format', '{{.Name}}\t{{.Labels}}']),
    ...docker('volume', ['volume', 'ls', '--format', '{{.Name}}\t{{.Labels}}']),
    ...images(),
    ...mounts().map((name) => ({ type: 'mount', name, labels: '' })),
    ...readdirSync(tmpdir()).map((name) => ({ type: 'folder', name: join(tmpdir(), name), labels: '' })),
  ]
}

function docker(type: string, args: string[]): Thing[] {
  return linesOf(args).map((line) => {
    const [name = '', labels = ''] = line.split('\t')
    return { type, name, labels }
  })
}

function images(): Thing[] {
  return linesOf(['images', '-a', '--no-trunc', '--format', '{{.ID}}\t{{.Repository}}:{{.Tag}}']).map((line) => {
    const [id = '', name = ''] = line.split('\t')
    return { type: 'image', name: `${name} ${id}`, labels: imageLabels(id) }
  })
}

function imageLabels(id: string): string {
  const format = '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}},{{end}}'
  return ifThere(() => linesOf(['image', 'inspect', '--format', format, id])).join('')
}

/** What was listed a moment ago may be gone. */
function ifThere(look: () => string[]): string[] {
  try {
    return look()
  } catch {
    return []
  }
}

const QUIET: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']

function linesOf(args: string[]): string[] {
  const output = execFileSync('docker', args, { encoding: 'utf8', stdio: QUIET })
  return output.split('\n').filter((line) => line !== '')
}

/** How the mounts of a running container end: the engine names them below another root than the kernel does. */
export function mountsOf(container: string): string[] {
  const format = '{{.GraphDriver.Data.MergedDir}}\n{{.NetworkSettings.SandboxKey}}'
  return ifThere(() => linesOf(['inspect', '--format', format, container])).map((path) =>
    path.split('/').slice(-2).join('/'),
  )
}

/** Whether nothing else is in a network than some containers. */
export function hasOnly(network: string, containers: ReadonlySet<string>): boolean {
  const names = linesOf(['ps', '-a', '--filter', `network=${network}`, '--format', '{{.Names}}'])
  return names.every((name) => containers.has(name))
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
}

/** Processes that name a folder in their arguments, working folder or environment; their own descendants aside. */
export function processesOf(folder: string, except: readonly number[]): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !except.includes(Number(name)))
    .flatMap((pid) => {
      const read = (file: string) => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, 'utf8')
        } catch {
          return ''
        }
      }
      const command = read('cmdline').replaceAll('\0', ' ').trim()
      return `${command}${read('environ')}`.includes(folder) ? [`${pid}: ${command}`] : []
    })
}

/** Names that only a process at work has: locks, half-written packs, quarantines. */
const TEMPORARY = /^quarantine-|\.tmp-|^\.?tmp[_-]|^tmp_objdir|\.lock$|^incoming-|^fetching$|^FETCH_HEAD$|\.new$/

/** Temporary files below a data folder. The marks of a living server and the database's own folder are not. */
export function temporaryFiles(dataDir: string): string[] {
  return readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'postgres')
    .flatMap((entry) => readdirSync(join(dataDir, entry.name), { recursive: true, encoding: 'utf8' }))
    .filter((path) => TEMPORARY.test(path.slice(path.lastIndexOf('/') + 1)))
}
