import { expect, test } from 'vitest'
import { SERVICE_RESOURCES } from '../../../domain/environments/limits.ts'
import { sidecarBody } from '../../../runner/sandbox/sidecar-body.ts'
import type { SidecarSpec } from '../../../runner/sandbox/sidecar.ts'

const SPEC: SidecarSpec = {
  name: 'db',
  image: 'postgres:17',
  owner: { installation: 'i', attempt: 'a', claim: 2 },
  env: { POSTGRES_PASSWORD: 'x=y' },
  resources: SERVICE_RESOURCES,
  network: { network: 'net', address: '10.213.0.3', dns: '10.213.0.6', hosts: { sandbox: '10.213.0.2' } },
}

test('sidecarBody() gives a service the rights of a sandbox, its network and nothing of the host', () => {
  const { HostConfig, NetworkingConfig } = sidecarBody(SPEC, 'plain:1')
  expect(HostConfig).toMatchObject({
    NetworkMode: 'net',
    Privileged: false,
    CapDrop: ['ALL'],
    CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETUID', 'SETGID'],
    SecurityOpt: ['no-new-privileges'],
    Memory: 1024 * 1024 * 1024,
    MemorySwap: 1024 * 1024 * 1024,
    PidsLimit: 512,
    NanoCpus: 1e9,
    CpuShares: 128,
    Mounts: [],
    PortBindings: {},
    PublishAllPorts: false,
    Dns: ['10.213.0.6'],
    ExtraHosts: ['sandbox:10.213.0.2'],
    LogConfig: { Type: 'json-file', Config: { 'max-size': '512k', 'max-file': '2' } },
  })
  for (const key of ['Binds', 'Devices', 'VolumesFrom', 'PidMode', 'UTSMode', 'GroupAdd', 'Tmpfs'])
    expect(HostConfig).not.toHaveProperty(key)
  expect(NetworkingConfig).toEqual({ EndpointsConfig: { net: { IPAMConfig: { IPv4Address: '10.213.0.3' } } } })
})

test("sidecarBody() runs the image's program with what the environment says, and never its health check", () => {
  const body = sidecarBody(SPEC, 'plain:1')
  expect(body).toMatchObject({ Image: 'plain:1', Env: ['POSTGRES_PASSWORD=x=y'], Healthcheck: { Test: ['NONE'] } })
  for (const key of ['Entrypoint', 'Cmd', 'User']) expect(body).not.toHaveProperty(key)
  expect(sidecarBody({ ...SPEC, command: ['-c', 'fsync=off'] }, 'plain:1')).toMatchObject({ Cmd: ['-c', 'fsync=off'] })
})

test('sidecarBody() carries every label of an owner, so that none is taken over from the image', () => {
  const labels = { 'drydock.helper': '', 'drydock.installation': 'i', 'drydock.kind': 'sidecar' }
  expect(sidecarBody(SPEC, 'plain:1').Labels).toEqual({
    ...labels,
    'drydock.attempt': 'a',
    'drydock.claim': '2',
    'drydock.build': '',
  })
  expect(sidecarBody({ ...SPEC, owner: { installation: 'i', build: 'b' } }, 'plain:1').Labels).toEqual({
    ...labels,
    'drydock.attempt': '',
    'drydock.claim': '',
    'drydock.build': 'b',
  })
})
