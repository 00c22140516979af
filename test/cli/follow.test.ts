import { expect, test } from 'vitest'
import { CliError } from '../../cli/errors.ts'
import { followEvents } from '../../cli/follow.ts'
import type { FollowOptions } from '../../cli/follow.ts'
import { END, sse } from './fakes.ts'

type Piece = string | Error

/** A server whose connections each give some pieces and then break off. */
function server(...connections: Piece[][]) {
  const asked: number[] = []
  const open: FollowOptions['open'] = async (after) => {
    asked.push(after)
    const pieces = connections.shift()
    if (pieces === undefined) throw new CliError('server-unreachable', 'gone')
    return (async function* () {
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece
        yield new TextEncoder().encode(piece)
      }
    })()
  }
  return { asked, open }
}

async function seqs(options: FollowOptions, signal = new AbortController().signal) {
  const seen: number[] = []
  for await (const { seq } of followEvents({ retryMs: 1, ...options }, signal)) seen.push(seq)
  return seen
}

const event = (seq: number) => ({ seq, at: '', attempt: 'a', phase: 'agent', kind: 'output' })

test('followEvents() ends with the task', async () => {
  const { open, asked } = server([sse(event(1), event(2)), END, sse(event(3))])
  expect(await seqs({ open })).toEqual([1, 2])
  expect(asked).toEqual([0])
})

test('followEvents() comes back after the last event it saw, whichever way the connection ended', async () => {
  const { open, asked } = server(
    [sse(event(1))],
    [sse(event(2)), new Error('reset')],
    [new Error('reset')],
    [sse(event(3)), END],
  )
  expect(await seqs({ open })).toEqual([1, 2, 3])
  expect(asked).toEqual([0, 1, 2, 2])
})

test('followEvents() shows an event once when the server repeats it', async () => {
  const { open } = server([sse(event(1), event(2))], [sse(event(1), event(2), event(3)), END])
  expect(await seqs({ open })).toEqual([1, 2, 3])
})

test('followEvents() gives up when the server stays away', async () => {
  const { open } = server([sse(event(1))])
  await expect(seqs({ open, patienceMs: 20 })).rejects.toMatchObject({ code: 'server-unreachable' })
})

test('followEvents() does not ask again after a refusal', async () => {
  const asked: number[] = []
  const open: FollowOptions['open'] = async (after) => {
    asked.push(after)
    throw new CliError('task-not-found', 'none', { exitCode: 2 })
  }
  await expect(seqs({ open })).rejects.toMatchObject({ code: 'task-not-found' })
  expect(asked).toEqual([0])
})

test('followEvents() leaves a connection that fell silent', async () => {
  const silent: FollowOptions['open'] = async (_, signal) =>
    (async function* () {
      yield new TextEncoder().encode(sse(event(1)))
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    })()
  const after = server([sse(event(2)), END])
  let first = true
  const open: FollowOptions['open'] = (seq, signal) => {
    const chosen = first ? silent : after.open
    first = false
    return chosen(seq, signal)
  }
  expect(await seqs({ open, silenceMs: 20 })).toEqual([1, 2])
  expect(after.asked).toEqual([1])
})

test('followEvents() stops at once when it is told to', async () => {
  const stop = new AbortController()
  const open: FollowOptions['open'] = async (_, signal) =>
    (async function* () {
      yield new TextEncoder().encode(sse(event(1)))
      stop.abort(new Error('told'))
      signal.throwIfAborted()
    })()
  await expect(seqs({ open }, stop.signal)).rejects.toThrow('told')
})
