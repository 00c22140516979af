import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { processHost } from '../../forge/process-host.ts'
import { serveProcesses } from '../../forge/serve-processes.ts'

// The host itself is a program of the build and runs in every test of a whole server; here its two ends are one process.

function inProcess() {
  const server = new EventEmitter()
  const inside = Object.assign(new EventEmitter(), { send: (message: unknown) => server.emit('message', message) })
  serveProcesses(inside as unknown as NodeJS.Process)
  const child = Object.assign(server, {
    connected: true,
    send: (message: unknown) => inside.emit('message', message),
    disconnect() {
      child.connected = false
      server.emit('disconnect')
    },
  })
  return child
}

const OPTIONS = { env: { PATH: process.env.PATH ?? '' }, cwd: '/', maxOutputBytes: 1000 }

test('processHost() gives what programs say, many at a time', async () => {
  const host = processHost(() => inProcess() as unknown as ChildProcess)
  const said = await Promise.all(
    ['a', 'b', 'c'].map((stdin) => host.run(['sh', '-c', 'cat; echo "!" >&2; exit 3'], { ...OPTIONS, stdin })),
  )
  expect(said.map(({ stdout }) => stdout.toString())).toEqual(['a', 'b', 'c'])
  expect(said[0]).toMatchObject({ code: 3, stderr: '!\n', overflow: false })
})

test('processHost() rejects what cannot be run, and what is stopped with the reason', async () => {
  const host = processHost(() => inProcess() as unknown as ChildProcess)
  await expect(host.run(['/nowhere/at-all'], OPTIONS)).rejects.toThrow('ENOENT')
  const stop = new AbortController()
  const running = host.run(['sleep', '600'], { ...OPTIONS, signal: stop.signal })
  stop.abort(new Error('not wanted any more'))
  await expect(running).rejects.toThrow('not wanted any more')
  await expect(host.run(['true'], { ...OPTIONS, signal: stop.signal })).rejects.toThrow('not wanted any more')
})

test('processHost() ends a program that takes longer than it may, and gives what there is', async () => {
  const host = processHost(() => inProcess() as unknown as ChildProcess)
  const said = await host.run(['sh', '-c', 'echo begun; exec sleep 600'], { ...OPTIONS, cutAfterMs: 500 })
  expect(said).toMatchObject({ code: 137, overflow: false })
})

test('processHost() fails what runs when the host is lost, and starts another for what comes next', async () => {
  const hosts: ReturnType<typeof inProcess>[] = []
  const host = processHost(() => {
    const next = inProcess()
    hosts.push(next)
    return next as unknown as ChildProcess
  })
  const running = host.run(['sleep', '1'], OPTIONS)
  hosts[0]?.disconnect()
  await expect(running).rejects.toThrow('the process that starts them ended')
  expect(await host.run(['true'], OPTIONS)).toMatchObject({ code: 0 })
  expect(hosts).toHaveLength(2)
})
