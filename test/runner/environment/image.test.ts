import { expect, test, vi } from 'vitest'
import { registryOf, resolveImage } from '../../../runner/environment/image.ts'

test.each([
  ['debian', 'docker.io'],
  ['library/debian:12', 'docker.io'],
  ['registry.example.com/x', 'registry.example.com'],
  ['REGISTRY.example.com/x', 'registry.example.com'],
  ['host:5000/x', 'host:5000'],
  ['localhost/x', 'localhost'],
  // The engine takes a first part with capitals for a host, and asks it.
  ['Intranet/x', 'intranet'],
])('registryOf() of %s is %s', (ref, registry) => {
  expect(registryOf(ref)).toBe(registry)
})

test.each([
  ['library/x', true],
  ['Intranet/x', false],
])('resolveImage() of %s where only Docker Hub is allowed: pulled is %s', async (ref, isPulled) => {
  const pull = vi.fn(async () => undefined)
  const engine = { pull, imageInfo: async () => (pull.mock.calls.length > 0 ? { id: 'x', sizeBytes: 1 } : undefined) }
  const deps = {
    engine,
    ownImage: async () => undefined,
    allowedRegistries: async () => ['docker.io'],
    onPull: () => undefined,
  }
  await resolveImage(ref, { deps, onProgress: () => undefined }, new AbortController().signal).catch(() => undefined)
  expect(pull.mock.calls.length > 0).toBe(isPulled)
})
