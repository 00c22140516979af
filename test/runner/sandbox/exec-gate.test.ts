import { expect, test } from 'vitest'
import { ExecGate } from '../../../runner/sandbox/exec-gate.ts'
import { deferred } from '../../../runner/deferred.ts'

const PATIENT_MS = 60_000

test('freeze() waits for every start that is under way', async () => {
  const gate = new ExecGate(PATIENT_MS)
  const order: string[] = []
  const leaves = [await gate.enter(), await gate.enter()]
  const frozen = gate.freeze(async () => void order.push('frozen'))
  for (const leave of leaves) {
    await new Promise(setImmediate)
    order.push('begun')
    leave()
  }
  expect(await frozen).toBe(true)
  expect(order).toEqual(['begun', 'begun', 'frozen'])
})

test('enter() waits for the thaw, also of a freeze that is only waiting', async () => {
  const gate = new ExecGate(PATIENT_MS)
  const order: string[] = []
  const leave = await gate.enter()
  const thaw = deferred()
  const frozen = gate.freeze(async () => {
    order.push('frozen')
    await thaw.promise
    order.push('thawed')
  })
  const starting = gate.enter().then(() => order.push('starting'))
  leave()
  await new Promise(setImmediate)
  expect(order).toEqual(['frozen'])
  thaw.resolve()
  await Promise.all([frozen, starting])
  expect(order).toEqual(['frozen', 'thawed', 'starting'])
})

test('freeze() does one work after the other', async () => {
  const gate = new ExecGate(PATIENT_MS)
  const order: string[] = []
  const work = (name: string) => async () => {
    order.push(`${name} begins`)
    await new Promise(setImmediate)
    order.push(`${name} ends`)
  }
  await Promise.all([gate.freeze(work('a')), gate.freeze(work('b'))])
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})

test('freeze() is false and does nothing when a start hangs; the next command may start', async () => {
  const gate = new ExecGate(20)
  await gate.enter()
  let isDone = false
  expect(await gate.freeze(async () => void (isDone = true))).toBe(false)
  expect(isDone).toBe(false)
  await gate.enter()
})

test('freeze() rejects when its work does, and lets the next command start', async () => {
  const gate = new ExecGate(PATIENT_MS)
  await expect(gate.freeze(() => Promise.reject(new Error('no engine')))).rejects.toThrow('no engine')
  await gate.enter()
})
