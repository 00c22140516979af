// What is marked is erased. Every step can be done again: a server that stops in the middle goes on at its next start.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Db } from '../db.ts'
import type { ContentKind } from './kinds.ts'

/** Rows that one statement deletes. */
const AT_ONCE = 5000
const TASKS_AT_ONCE = 50

export const REMOVED_TITLE = '(content removed)'

/** Erases all that is marked and not yet gone. Answers with the number of marks. */
export async function eraseMarked(db: Db): Promise<number> {
  let erased = 0
  let batch: number
  do erased += batch = await eraseSome(db)
  while (batch === TASKS_AT_ONCE)
  return erased
}

async function eraseSome(db: Db): Promise<number> {
  const marked = await db.execute<{ task_id: string; kind: ContentKind }>(sql`
    select task_id, kind from content_removals where done_at is null order by at, task_id limit ${TASKS_AT_ONCE}`)
  for (const { task_id: taskId, kind } of marked) {
    await ERASE[kind](db, taskId)
    await db.execute(
      sql`update content_removals set done_at = now() where task_id = ${taskId} and kind = ${kind} and done_at is null`,
    )
  }
  return marked.length
}

const ERASE = { transcript: eraseTranscript, changes: eraseChanges, ledger: eraseLedger } satisfies Record<
  ContentKind,
  (db: Db, taskId: string) => Promise<void>
>

/** Names of branches begin with the title; what is published is known by them. */
async function eraseTranscript(db: Db, taskId: string): Promise<void> {
  await deleteRows(db, 'events', sql`task_id = ${taskId}`)
  await db.transaction(async (tx) => {
    await tx.execute(sql`update tasks set title = ${REMOVED_TITLE} where id = ${taskId}`)
    await tx.execute(sql`update turns set prompt = '' where task_id = ${taskId}`)
    await tx.execute(sql`
      update attempts set answer = null, message = null, publish_reason = null,
        branch = case when publish_state = 'published' then branch end,
        changes = ${ofChanges(sql`c || case when c #>> '{publish,state}' = 'published'
          then jsonb_build_object('publish', (c -> 'publish') || '{"reason": null}')
          else jsonb_build_object('branch', null, 'publish', (c -> 'publish') || '{"reason": null}') end`)}
      where task_id = ${taskId}`)
  })
}

/** How much was changed stays. What the hosts have in files is listed for them. */
async function eraseChanges(db: Db, taskId: string): Promise<void> {
  const ofTask = sql`attempt_id in (select id from attempts where task_id = ${taskId})`
  const ofTurns = sql`turn_id in (select id from turns where task_id = ${taskId})`
  await db.transaction(async (tx) => {
    await tx.execute(sql`
      insert into stale_trees (host_id, tree)
      select distinct split_part(a.runner_id, '/', 1), trees.tree from attempts a cross join lateral (
        select a.tree union select c ->> 'tree' from jsonb_array_elements(a.changes) c
      ) as trees (tree)
      where a.task_id = ${taskId} and a.runner_id is not null and trees.tree is not null
      on conflict do nothing`)
    await tx.execute(sql`update diffs set patch = '' where ${ofTask}`)
    await tx.execute(sql`delete from change_patches where ${ofTask}`)
    await tx.execute(sql`delete from agent_sessions where task_id = ${taskId}`)
    await tx.execute(sql`update turn_images set bytes = '' where ${ofTurns}`)
    await tx.execute(sql`update turns set starting_patch = null where task_id = ${taskId}`)
    await tx.execute(sql`
      update attempts set flagged = '[]', changes = ${ofChanges(sql`c || '{"flagged": []}'`)}
      where task_id = ${taskId}`)
  })
}

async function eraseLedger(db: Db, taskId: string): Promise<void> {
  const ofTask = sql`attempt_id in (select id from attempts where task_id = ${taskId})`
  await deleteRows(db, 'ledger', ofTask)
  await deleteRows(db, 'ledger_hosts', ofTask)
}

/** The changes of an attempt, each as the expression makes it of `c`. */
const ofChanges = (each: SQL) =>
  sql`(select coalesce(jsonb_agg(${each} order by n), '[]') from jsonb_array_elements(changes) with ordinality as l (c, n))`

/** In batches: no statement holds more than so many rows, however long a log is. Answers with how many went. */
export async function deleteRows(db: Db, table: 'events' | 'ledger' | 'ledger_hosts', where: SQL): Promise<number> {
  let deleted = 0
  let batch: number
  do {
    const { count } = await db.execute(sql`
      delete from ${sql.raw(table)} where ctid = any(array(
        select ctid from ${sql.raw(table)} where ${where} limit ${AT_ONCE}))`)
    deleted += batch = count
  } while (batch === AT_ONCE)
  return deleted
}
