import type { TaskJson } from '../../api/schemas/task.ts'
import type { BenchServer } from '../support/bench-server.ts'
import { openDataFolderDatabase } from '../support/data-folder.ts'

export type DoneTask = { id: string; prompt: string; state: string; branch: string | null; commit: string | null }

/** Asks for tasks all at once and waits until each is published or has failed. */
export async function runAllTasks(server: BenchServer, count: number): Promise<DoneTask[]> {
  const ids: string[] = []
  const waiting = untilEnded(server, ids, count)
  for (let i = 0; i < count; i++) {
    const body = { environment: 'short', mode: 'code', prompt: `change ${i}` }
    ids.push((await server.client.json<{ id: string }>('POST', '/tasks', body)).id)
  }
  await waiting
  return Promise.all(ids.map((id) => read(server, id)))
}

/** The database tells of each end; asking the api for all of them again and again would be load of our own making. */
async function untilEnded({ dataDir }: BenchServer, ids: readonly string[], count: number): Promise<void> {
  await using database = openDataFolderDatabase(dataDir)
  let wake = () => {}
  const listener = await database.client.listen('drydock_events', () => wake())
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      const [row] = await database.client<{ n: number }[]>`
        select count(*)::int as n from attempts where task_id = any(${[...ids]})
          and state in ('succeeded', 'failed', 'cancelled') and publish_state <> 'pending'`
      if (row?.n === count) return
      await Promise.race([woken, new Promise((resolve) => setTimeout(resolve, 1000))])
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  } finally {
    await listener.unlisten()
  }
}

async function read({ client }: BenchServer, id: string): Promise<DoneTask> {
  const task = await client.json<TaskJson>('GET', `/tasks/${id}`)
  const [turn] = task.turns
  const [attempt] = turn?.attempts ?? []
  return {
    ...{ id, prompt: turn?.prompt ?? '', state: task.state },
    ...{ branch: attempt?.branch ?? null, commit: attempt?.commit ?? null },
  }
}
