import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { git } from '../../support/git-fixture.ts'
import { docker, sh } from '../sandbox/harness.ts'
import { agent, checkedOut, collected, useWorkspaces } from '../workspace/harness.ts'

// Images of Go and Rust begin PATH with a folder that every user may write; what lies there must not run as root (R8).

const IMAGE = `drydock-test/writable-path:${newId()}`
const EVIL = '#!/bin/sh\n[ "$(/usr/bin/id -u)" = 0 ] && /usr/bin/touch /root-ran\nexec "/usr/bin/${0##*/}" "$@"\n'
const workspaces = useWorkspaces()

beforeAll(async () => {
  const made = await docker('run', '-d', '--network', 'none', inject('baseImage'), 'sleep', '60')
  await docker('exec', made, 'sh', '-c', 'mkdir -p /go/bin && chmod 777 /go/bin')
  const path = 'ENV PATH=/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  await docker('commit', '-c', path, '-c', 'CMD []', made, IMAGE)
  await docker('rm', '-f', made)
})
afterAll(() => docker('rmi', '-f', IMAGE))

test('programs that an agent puts first in PATH do not run as root when its change is collected', async () => {
  await using world = await workspaces.open()
  await using sandbox = await world.started({ image: IMAGE })
  await checkedOut(world, sandbox)
  const plant = 'for n in sh git find sed tr grep wc head rm mkdir cat xargs env; do cp /tmp/evil /go/bin/$n; done'
  await agent(sandbox, `printf '%s' "$EVIL" > /tmp/evil; chmod 755 /tmp/evil; echo x > new.txt; ${plant}`, {
    env: { EVIL },
  })
  const marked = async () => (await sh(sandbox, '', { command: ['/usr/bin/test', '-e', '/root-ran'] })).code === 0

  const { tree } = await collected(world, sandbox)

  expect(git(world.view.store, 'diff-tree', '-r', '--name-status', world.base.commit, tree)).toBe('A\tnew.txt')
  expect(await marked()).toBe(false)
  // Control: a shell that is looked for is the agent's.
  await sh(sandbox, 'true', { user: 'root' })
  expect(await marked()).toBe(true)
})
