import { SAID, textAt } from './said.ts'
import type { Said } from './said.ts'

export type Todo = { text: string; status: 'pending' | 'active' | 'done' }

const STATUS: ReadonlyMap<string, Todo['status']> = new Map([
  ['pending', 'pending'],
  ['in_progress', 'active'],
  ['completed', 'done'],
])

/** A state of a todo as claude and opencode name it. */
export const todoStatus = (name: string): Todo['status'] | undefined => STATUS.get(name)

/** A todo as claude and opencode write it. */
export const todoOf = (item: Said): Todo => ({
  text: textAt(item, 'content', SAID.todoBytes),
  status: todoStatus(textAt(item, 'status', SAID.nameBytes)) ?? 'pending',
})
