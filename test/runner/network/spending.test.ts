import { expect, test } from 'vitest'
import { NO_USAGE, Spending } from '../../../runner/network/spending.ts'
import type { SandboxConfig } from '../../../sandbox-policy/control.ts'

const config = { id: 's', model: { budgetTokens: 100 } } as unknown as SandboxConfig
const budgetOf = (given: SandboxConfig) => given.model?.budgetTokens
const used = { inputTokens: 30, outputTokens: 10, requests: 2, budgetLeft: 60, exhausted: false }

test('Spending leaves a budget as it is while one gateway lives', () => {
  const spending = new Spending()
  expect(spending.note('s', used)).toEqual(used)
  expect(budgetOf(spending.leave(config))).toBe(100)
})

test('Spending gives the next gateway what is left, and counts on', () => {
  const spending = new Spending()
  spending.note('s', used)
  spending.fold()
  expect(budgetOf(spending.leave(config))).toBe(60)
  const more = { ...used, budgetLeft: 20 }
  expect(spending.note('s', more)).toMatchObject({ inputTokens: 60, outputTokens: 20, requests: 4, budgetLeft: 20 })
  spending.fold()
  expect(budgetOf(spending.leave(config))).toBe(20)
})

test('Spending keeps a used-up budget used up, also for a gateway that was never asked', () => {
  const spending = new Spending()
  spending.note('s', { ...used, budgetLeft: 5, exhausted: true })
  spending.fold()
  expect(budgetOf(spending.leave(config))).toBe(0)
  expect(spending.note('s', NO_USAGE)).toMatchObject({ exhausted: true, budgetLeft: 5 })
})

test('Spending forgets a sandbox that is gone', () => {
  const spending = new Spending()
  spending.note('s', used)
  spending.fold()
  spending.forget('s')
  expect(budgetOf(spending.leave(config))).toBe(100)
})
