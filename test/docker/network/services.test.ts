import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { execFile } from 'node:child_process'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../../domain/environments/parts.ts'
import { newId } from '../../../domain/ids.ts'
import { cleanupStack, type CleanupStack } from '../../../runner/cleanup.ts'
import { imageHolds } from '../../../runner/environment/image-holds.ts'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { networkService, servicesOf } from '../../../runner/services/services.ts'
import { sweepLeftovers } from '../../../runner/sweep-leftovers.ts'
import { testDatabase } from '../../support/database.ts'
import { hostAddress } from '../../support/host-address.ts'
import { docker, sh } from '../sandbox/harness.ts'
import { grant, NEVER, owner, sandboxOn, useNetworks } from './harness.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const run = promisify(execFile)

/** Tries addresses, the gateway as a proxy and as a resolver; prints what came of each. */
const TRIES = `
import json, socket, sys
def dial(host, port):
    try:
        socket.create_connection((host, port), 2).close(); return 'open'
    except ConnectionRefusedError: return 'refused'
    except OSError: return 'silent'
def proxied(gateway):
    try:
        s = socket.create_connection((gateway, 3128), 3); s.settimeout(3)
        s.sendall(b'GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n')
        return (s.recv(64) or b'closed').decode().split('\\r\\n')[0]
    except OSError: return 'closed'
def asked(server):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
    s.sendto(bytes.fromhex('00010100000100000000000007616c6c6f77656404746573740000010001'), (server, 53))
    try: return 'answer ' + str(s.recv(512)[3] & 15)
    except OSError: return 'silent'
plan = json.loads(sys.argv[1])
print(json.dumps({
    'dialled': {t: dial(*t.rsplit(':', 1)) for t in plan['dial']},
    'proxied': proxied(plan['gateway']), 'asked': asked(plan['gateway']), 'engine': asked('127.0.0.11'),
}))`

/** Asks the gateway for a name in the name of another address, by every way that there is. */
const POSES = `
import socket, sys
pose, gateway, name = sys.argv[1:]
query = bytes.fromhex('000101000001000000000000') + bytes([len(name)]) + name.encode() + bytes.fromhex('04746573740000010001')
def attempt(what, work):
    try: work(); print(what, 'sent')
    except OSError as error: print(what, error.strerror)
def bound(option):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_IP, option, 1); s.bind((pose, 0)); s.sendto(query, (gateway, 53))
attempt('IP_FREEBIND', lambda: bound(15))
attempt('IP_TRANSPARENT', lambda: bound(19))
attempt('SOCK_RAW', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255))
attempt('AF_PACKET', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300))`

type Found = { dialled: Record<string, string>; proxied: string; asked: string; engine: string }

describe.skipIf(process.getuid?.() !== 0)('services', () => {
  let upstream: Upstream
  let universal: string
  let host: Server
  const world = useNetworks({ options: () => ({ staticHosts: { 'allowed.test': [upstream.address] } }) })
  let cleanup: CleanupStack

  beforeAll(async () => {
    upstream = await startUpstream(['allowed.test'], (_, response) => response.end('hello\n'))
    universal = (await run(process.execPath, ['scripts/image.mjs', 'tag', 'universal'])).stdout.trim()
    host = createServer((socket) => socket.end()).listen(0, '0.0.0.0')
    await once(host, 'listening')
  })
  afterAll(async () => {
    host.close()
    await upstream[Symbol.asyncDispose]()
  })
  afterEach(() => cleanup[Symbol.asyncDispose]())

  const web = (): Service => ({
    name: 'web',
    image: universal,
    port: 8000,
    command: ['python3', '-m', 'http.server', '8000'],
  })

  /** A sandbox that may reach `allowed.test`, with services beside it. */
  async function attempt(services: readonly Service[], attemptId = newId()) {
    const of = { engine: world.engine, images: { ownImage: gatewayImage, allowedRegistries: async () => [] } }
    const starter = servicesOf({ ...of, onPull: () => undefined })
    const found = await starter.find(services, () => undefined, NEVER)
    const network = await world.networks.take(owner, NEVER, found.map(networkService))
    cleanup.defer(() => network.close())
    const sandbox = await sandboxOn(world, network, universal)
    cleanup.defer(() => sandbox.destroy())
    await network.permit(grant(['allowed.test']))
    const beside = {
      owner: { installation: world.installation, attempt: attemptId, claim: 1 },
      ...{ found, places: network.services, cleanup },
      ...{ note: async () => undefined, onBroken: () => undefined, onLeftover: () => undefined },
    }
    return { network, sandbox, attemptId, start: () => starter.start(beside, NEVER) }
  }

  const gatewayImage = async () => (await run(process.execPath, ['scripts/image.mjs', 'tag', 'gateway'])).stdout.trim()
  /** An address of a network that nobody in it has. */
  const otherThan = ({ attachment, services }: SandboxNetwork) => {
    const last = (address: string) => Number(address.split('.')[3])
    const taken = [attachment, ...services].map(({ address }) => last(address))
    const free = [5, 4, 3, 2].map((below) => last(attachment.dns) - below + 1).find((one) => !taken.includes(one))
    return attachment.dns.replace(/\d+$/, String(free))
  }
  const containersOf = (attemptId: string) =>
    docker('ps', '-aq', '--filter', `label=drydock.attempt=${attemptId}`, '--filter', 'label=drydock.kind=sidecar')
  const tried = (text: string) => JSON.parse(text) as Found

  test('a sandbox reaches its service by name, past its proxy variables; another sandbox does not', async () => {
    cleanup = cleanupStack()
    const own = await attempt([web()])
    await own.start()
    const { stdout } = await sh(
      own.sandbox,
      'curl -sS -o /dev/null -w "%{http_code} $WEB_HOST:$WEB_PORT" http://web:8000/',
    )
    expect(stdout).toBe('200 web:8000')
    const other = await attempt([])
    const address = own.network.services[0]?.address ?? ''
    const dial = (sandbox: Sandbox) =>
      sh(sandbox, `curl -s -m 3 --noproxy '*' -o /dev/null http://${address}:8000/; echo $?`)
    expect((await dial(own.sandbox)).stdout).toBe('0\n') // control
    expect((await dial(other.sandbox)).stdout).not.toBe('0\n')
    expect((await sh(other.sandbox, 'getent hosts web')).code).not.toBe(0)
  })

  test('a service reaches its sandbox, and neither gateway nor host nor anybody else', async () => {
    cleanup = cleanupStack()
    const { network, sandbox, attemptId, start } = await attempt([web()])
    await start()
    const { attachment } = network
    const port = (host.address() as AddressInfo).port
    const bridge = attachment.dns.replace(/\d+$/, (last) => String(Number(last) - 5))
    const hosts = [hostAddress(), '172.17.0.1', bridge].map((address) => `${address}:${port}`)
    const dial = [...hosts, '169.254.169.254:80', `${upstream.address}:80`, 'sandbox:9000', `${attachment.dns}:22`]
    const plan = JSON.stringify({ dial, gateway: attachment.dns })
    const [container = ''] = (await containersOf(attemptId)).split('\n')
    void sh(sandbox, 'python3 -m http.server 9000').catch(() => undefined)
    await expect
      .poll(async () => (await sh(sandbox, 'curl -s --noproxy "*" -o /dev/null http://127.0.0.1:9000/')).code)
      .toBe(0)

    const inside = tried(await docker('exec', container, 'python3', '-c', TRIES, plan))
    expect(inside.dialled).toEqual({
      ...Object.fromEntries(dial.map((target) => [target, 'silent'])),
      'sandbox:9000': 'open',
      // The gateway's address is in the network; nothing listens there.
      [`${attachment.dns}:22`]: 'refused',
    })
    expect(inside).toMatchObject({ proxied: 'closed', asked: 'silent' })
    expect(inside.engine).not.toBe('answer 0')
    // Controls: the sandbox's address is answered, and a container of another network reaches the host.
    const control = tried((await sh(sandbox, '', { command: ['python3', '-c', TRIES, plan] })).stdout)
    expect(control).toMatchObject({ proxied: 'HTTP/1.1 200 OK', asked: 'answer 0' })
    const elsewhere = tried(await docker('run', '--rm', universal, 'python3', '-c', TRIES, plan))
    expect(elsewhere.dialled[`172.17.0.1:${port}`]).toBe('open')
  })

  test('a service cannot pose as its sandbox', async () => {
    cleanup = cleanupStack()
    const { network, attemptId, start } = await attempt([web()])
    await start()
    const { address, dns, network: net } = network.attachment
    const [container = ''] = (await containersOf(attemptId)).split('\n')
    const poses = (name: string) => ['python3', '-c', POSES, address, dns, name]
    const posed = (await docker('exec', container, ...poses('service'))).split('\n')
    expect(posed.map((line) => line.split(' ')[0])).toEqual(['IP_FREEBIND', 'IP_TRANSPARENT', 'SOCK_RAW', 'AF_PACKET'])
    expect(posed.filter((line) => line.endsWith(' sent'))).toEqual([])
    // Control: with the right to it, the same is taken for the sandbox's.
    const may = ['--cap-add', 'NET_ADMIN', '--network', net, '--ip', otherThan(network)]
    expect(await docker('run', '--rm', ...may, universal, ...poses('control'))).toContain('IP_TRANSPARENT sent')
    await cleanup[Symbol.asyncDispose]()
    const asked = world.ledger.map(({ asked }) => asked).filter((name) => /^(service|control)\.test$/.test(name ?? ''))
    expect(asked).toEqual(['control.test'])
  })

  test('a service has the rights of a sandbox’s root, no volume, and what it may use', async () => {
    cleanup = cleanupStack()
    const { attemptId, start } = await attempt([web()])
    await start()
    const [container = ''] = (await containersOf(attemptId)).split('\n')
    const status = await docker('exec', container, 'cat', '/proc/self/status')
    expect(status).toMatch(/^CapBnd:\s+00000000000000cb$/m)
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    expect(
      await docker('exec', container, 'sh', '-c', 'cat /proc/net/if_inet6 2>/dev/null | grep -v " lo$" || echo none'),
    ).toBe('none')
    const [facts] = JSON.parse(await docker('inspect', container)) as [{ HostConfig: object; Mounts: unknown[] }]
    expect(facts.Mounts).toEqual([])
    expect(facts.HostConfig).toMatchObject({
      Memory: 2 ** 30,
      PidsLimit: 512,
      NanoCpus: 1e9,
      CpuShares: 128,
      Privileged: false,
      PortBindings: {},
    })
  })

  test('a service is gone with what it was started for, and its network is not used again', async () => {
    cleanup = cleanupStack()
    const { network, attemptId, start } = await attempt([web()])
    await start()
    const owned = await world.engine.listOwned(world.installation)
    expect(owned.filter(({ kind }) => kind === 'sidecar')).toMatchObject([{ attempt: attemptId, claim: 1 }])
    await cleanup[Symbol.asyncDispose]()
    expect(await containersOf(attemptId)).toBe('')
    expect(await docker('network', 'ls', '-q', '--filter', `name=^${network.attachment.network}$`)).toBe('')
  })

  test('a service whose runner is gone is swept, with its network', async () => {
    cleanup = cleanupStack()
    await using database = await testDatabase()
    const { attemptId, start } = await attempt([web()])
    await start()
    const { engine, installation: hostId } = world
    const cache = { builder: { holds: () => false }, holds: imageHolds() }
    const deps = { engine, hostId, db: database.db, logger: pino({ level: 'silent' }), cache: cache as never }
    await sweepLeftovers(deps)
    expect(await containersOf(attemptId)).toBe('')
  })

  test.each([
    ['ends', ['sh', '-c', 'echo "I give up" >&2; exit 7'], /it ended with exit code 7.* I give up$/],
    ['has no such program', ['/no/such/program'], /Cannot start service "web": .*no such file/i],
  ])('a service that %s fails with its words', async (_, command, message) => {
    cleanup = cleanupStack()
    const { attemptId, start } = await attempt([{ ...web(), command }])
    await expect(start()).rejects.toMatchObject({
      reason: 'service-failed',
      message: expect.stringMatching(message) as string,
    })
    await cleanup[Symbol.asyncDispose]()
    expect(await containersOf(attemptId)).toBe('')
  })

  test('docker in a sandbox says what to do instead, until set-up installs a client', async () => {
    cleanup = cleanupStack()
    const { sandbox } = await attempt([])
    const { code, stderr } = await sh(sandbox, 'docker run --privileged alpine')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^docker: there is no container engine in this sandbox.*declare as services.*\n$/)
    await sh(sandbox, 'printf "#!/bin/sh\\necho client \\$@\\n" > /usr/bin/docker; chmod 755 /usr/bin/docker', {
      user: 'root',
    })
    expect((await sh(sandbox, 'docker run alpine')).stdout).toBe('client run alpine\n')
  })

  test('three services are as many as the network has room for, and they reach each other', async () => {
    cleanup = cleanupStack()
    const three = ['a', 'b', 'c'].map((name) => ({ ...web(), name }))
    const { sandbox, attemptId, start } = await attempt(three)
    await start()
    const { stdout } = await sh(
      sandbox,
      'for n in a b c; do curl -sS -o /dev/null -w "%{http_code} " http://$n:8000/; done',
    )
    expect(stdout).toBe('200 200 200 ')
    const [container = ''] = (await containersOf(attemptId)).split('\n')
    expect(
      await docker('exec', container, 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', 'http://a:8000/'),
    ).toBe('200')
  })
})
