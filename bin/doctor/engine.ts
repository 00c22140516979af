import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fail, ok, warn } from './check.ts'
import type { Check } from './check.ts'
import { checkEncryption } from './encryption.ts'
import type { Machine } from './encryption.ts'

const ANSWER_MS = 5000
const GiB = 1024 ** 3
const LOW_DISK_GIB = 5
const OLDEST_API = 1.41

/** Built when the first task needs them. */
const ON_DEMAND = ['universal', 'gateway']

type Version = { Version: string; ApiVersion: string }
type Info = { Driver: string; CgroupVersion?: string; DockerRootDir: string; NCPU: number; MemTotal: number }

/** Looks at the Docker engine of this machine, and at our images in it. */
export async function checkEngine(
  { socketPath, root }: { socketPath: string; root: string },
  machine: Machine,
): Promise<Check[]> {
  const version = await ask<Version>(socketPath, '/version').catch((error: Error) => error)
  if (version instanceof Error) {
    return [
      fail(
        'engine',
        `Docker does not answer on ${socketPath}: ${version.message}`,
        'run scripts/setup engine, or start Docker',
      ),
    ]
  }
  const info = await ask<Info>(socketPath, '/info')
  return [
    Number(version.ApiVersion) >= OLDEST_API
      ? ok(
          'engine',
          `Docker ${version.Version}, ${info.NCPU} processors, ${(info.MemTotal / GiB).toFixed(1)} GiB of memory`,
        )
      : fail('engine', `Docker ${version.Version} speaks API ${version.ApiVersion}`, `install Docker 20.10 or later`),
    info.Driver === 'overlay2' || info.Driver === 'overlayfs'
      ? ok('storage', info.Driver)
      : warn('storage', `${info.Driver}: sandboxes start slowly and use more disk`, 'use the storage driver overlay2'),
    info.CgroupVersion === '2'
      ? ok('cgroup', 'version 2')
      : warn(
          'cgroup',
          `version ${info.CgroupVersion ?? 'unknown'}`,
          'limits hold, but prefer a system with cgroup version 2',
        ),
    await checkDisk(info.DockerRootDir),
    await checkEncryption('Docker', info.DockerRootDir, machine),
    ...(await checkImages({ socketPath, root })),
  ]
}

async function checkDisk(folder: string): Promise<Check> {
  const found = await statfs(folder).catch(() => undefined)
  // Docker Desktop keeps its data in a machine of its own.
  if (found === undefined) return warn('disk', `${folder} cannot be looked at from here`, 'see "docker system df"')
  const free = (found.bavail * found.bsize) / GiB
  const detail = `${free.toFixed(1)} GiB free in ${folder}`
  return free >= LOW_DISK_GIB ? ok('disk', detail) : fail('disk', detail, 'free some space: docker system prune')
}

async function checkImages({ socketPath, root }: { socketPath: string; root: string }): Promise<Check[]> {
  return Promise.all(
    ['base', 'postgres', 'universal', 'gateway'].map(async (name) => {
      const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'scripts', 'image.mjs'), 'tag', name])
      const tag = stdout.trim()
      const found = await ask(socketPath, `/images/${encodeURIComponent(tag)}/json`).catch(() => undefined)
      if (found !== undefined) return ok(`image ${name}`, tag)
      const detail = `${tag} is not built yet`
      if (ON_DEMAND.includes(name))
        return warn(`image ${name}`, detail, `nothing, or build it ahead: node scripts/image.mjs build ${name}`)
      return fail(`image ${name}`, detail, 'run scripts/setup')
    }),
  )
}

function ask<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path, timeout: ANSWER_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as T)
        else reject(new Error(`status ${response.statusCode}`))
      })
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)))
    request.on('error', reject)
  })
}
