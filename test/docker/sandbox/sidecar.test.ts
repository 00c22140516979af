import { randomInt } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import type { Sidecar, SidecarSpec } from '../../../runner/sandbox/sidecar.ts'
import { docker, NEVER, useEngine } from './harness.ts'

const world = useEngine()
const name = `drydock-test-${newId()}`
const WITH_VOLUME = `drydock-test/with-volume:${newId()}`
const SUBNET = `10.212.${randomInt(256)}`
const ADDRESS = `${SUBNET}.2`

beforeAll(async () => {
  await docker('network', 'create', '--internal', '--subnet', `${SUBNET}.0/29`, name)
  const changes = [
    'VOLUME ["/data"]',
    'USER 1000',
    'WORKDIR /data',
    'ENTRYPOINT ["sh", "-c"]',
    'EXPOSE 7000 53/udp',
    'HEALTHCHECK --interval=1s CMD touch /tmp/health-check-ran',
    'LABEL drydock.build=forged drydock.attempt=forged',
  ]
  await docker('create', '--name', name, inject('baseImage'), 'true')
  await docker('commit', ...changes.flatMap((change) => ['-c', change]), name, WITH_VOLUME)
  await docker('rm', name)
})
afterAll(async () => {
  for (const { type, name: of } of await world.engine.listOwned(world.installation))
    if (type === 'image') await world.engine.removeImage(of)
  await docker('network', 'rm', name)
  await docker('rmi', '-f', WITH_VOLUME)
})

const specOf = (script: string, changes: Partial<SidecarSpec> = {}): SidecarSpec => ({
  name: 'db',
  image: inject('baseImage'),
  owner: { installation: world.installation, attempt: newId(), claim: 1 },
  env: { WORD: 'a "b" $c' },
  command: ['sh', '-c', script],
  resources: { memoryMiB: 128, cpus: 1, pids: 64, diskMiB: 64 },
  network: { network: name, address: ADDRESS, dns: ADDRESS, hosts: { sandbox: `${SUBNET}.3` } },
  ...changes,
})

const made: Sidecar[] = []
function make(spec: SidecarSpec): Sidecar {
  const sidecar = world.engine.createSidecar(spec)
  made.push(sidecar)
  return sidecar
}
afterEach(() => Promise.all(made.splice(0).map((sidecar) => sidecar.destroy())))

describe('a sidecar', () => {
  test("runs the image's program as its user and in its folder, without its volume, labels and health check", async () => {
    const spec = specOf('', { image: WITH_VOLUME, command: ['id -u; pwd; echo $WORD; sleep 100'] })
    const before = await docker('volume', 'ls', '-q')
    const sidecar = make(spec)
    await sidecar.start(NEVER)
    await expect.poll(() => sidecar.lastWords()).toBe('1000 /data a "b" $c')
    expect(await docker('volume', 'ls', '-q')).toBe(before)
    expect((await world.engine.imageInfo(WITH_VOLUME))?.tcpPorts).toEqual([7000])
    const owned = await world.engine.listOwned(world.installation)
    expect(owned.find(({ type }) => type === 'container')).toMatchObject({
      ...{ kind: 'sidecar', attempt: 'attempt' in spec.owner && spec.owner.attempt, claim: 1 },
    })
    expect(owned.find(({ type }) => type === 'container')).not.toHaveProperty('build')
    await sidecar.destroy()
    await sidecar.destroy()
    expect(await docker('ps', '-aq', '--filter', `name=${sidecar.container}`)).toBe('')
  })

  test('tells how it ended, and its last words without what moves a cursor', async () => {
    const sidecar = make(specOf("printf '\\033[2J\\033]0;title\\007bye\\r'; exit 3"))
    await sidecar.start(NEVER)
    await sidecar.ended(NEVER)
    expect(await sidecar.end()).toEqual({ code: 3, outOfMemory: false })
    expect(await sidecar.lastWords()).toMatch(/^[^\p{Cc}]*bye$/u)
    await sidecar.destroy()
    expect(await sidecar.end()).toEqual({ code: null, outOfMemory: false })
  })

  test('that prints 100 MB keeps about one of them, and still tells its last words', async () => {
    const sidecar = make(specOf('head -c 100000000 /dev/zero | tr "\\0" x | fold -w 200; echo; echo bye; sleep 100'))
    await sidecar.start(NEVER)
    await expect.poll(() => sidecar.lastWords(), { timeout: 60_000 }).toMatch(/bye$/)
    const log = await docker('inspect', '-f', '{{.LogPath}}', sidecar.container)
    const kept = await docker(
      'run',
      '--rm',
      '-v',
      `${log.replace(/[^/]*$/, '')}:/log:ro`,
      inject('baseImage'),
      'sh',
      '-c',
      'cat /log/*.log* | wc -c',
    )
    expect(Number(kept)).toBeLessThan(2_000_000)
    expect(Number(kept)).toBeGreaterThan(100_000)
    await sidecar.destroy()
  })

  test('that holds more than its disk is told of; one that does not is not', async () => {
    const fill = (mib: number) => `head -c ${mib}m /dev/zero > /var/a; head -c ${mib}m /dev/zero > /var/b; sleep 100`
    const network = { ...specOf('').network, address: `${SUBNET}.4` }
    const [greedy, modest] = [make(specOf(fill(40))), make(specOf(fill(10), { network }))]
    await Promise.all([greedy.start(NEVER), modest.start(NEVER)])
    const modestIsFull = modest.diskFull.then(() => 'modest')
    expect(await Promise.race([greedy.diskFull.then(() => 'greedy'), modestIsFull])).toBe('greedy')
    await Promise.all([greedy.destroy(), modest.destroy()])
  })

  test.each([
    ['a fork bomb', 'f() { f | f & }; f; sleep 100'],
    ['what ignores signals', 'trap "" TERM INT HUP; while :; do sleep 1; done'],
    ['a deep tree', `perl -e '$| = 1; chdir "/var"; for (1..3000) { mkdir "d"; chdir "d" } print "made\n"; sleep 100'`],
  ])('with %s in it goes when it is destroyed', async (what, script) => {
    const sidecar = make(specOf(script))
    await sidecar.start(NEVER)
    if (what === 'a deep tree') await expect.poll(() => sidecar.lastWords(), { timeout: 30_000 }).toBe('made')
    await sidecar.destroy()
    expect(await docker('ps', '-aq', '--filter', `name=${sidecar.container}`)).toBe('')
  })

  test.each([
    ['an image that the engine lacks', { image: 'drydock-test/no-such:1' }, 'the engine has no image'],
    ['a program that the image lacks', { command: ['/no/such'] }, '/no/such'],
  ])('of %s does not start', async (_, changes, words) => {
    const sidecar = make(specOf('', changes))
    await expect(sidecar.start(NEVER)).rejects.toMatchObject({
      reason: 'service-failed',
      message: expect.stringContaining(words) as string,
    })
    await sidecar.destroy()
  })

  test('that was stopped while it started leaves nothing', async () => {
    const stop = new AbortController()
    const sidecar = make(specOf('sleep 100'))
    const starting = sidecar.start(stop.signal)
    stop.abort(new Error('cancelled'))
    await expect(starting).rejects.toThrow('cancelled')
    await sidecar.destroy()
    expect(await docker('ps', '-aq', '--filter', `name=${sidecar.container}`)).toBe('')
  })
})
