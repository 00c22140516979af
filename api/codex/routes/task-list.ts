import type { AttemptHead } from '../../../domain/tasks/last-attempts.ts'
import { readLastAttempts } from '../../../domain/tasks/last-attempts.ts'
import { listTasks } from '../../../domain/tasks/list.ts'
import type { TaskHead } from '../../../domain/tasks/read.ts'
import { visibleText } from '../../../forge/plain-text.ts'
import { newRouter } from '../../context.ts'
import type { ApiDeps } from '../../context.ts'
import { defineRoute } from '../../route.ts'
import { json } from '../../schemas/common.ts'
import { taskFilter } from '../../routes/tasks.ts'
import { codexErrors } from '../errors.ts'
import { CodexTaskQuery } from '../request.ts'
import { CodexTaskPageSchema } from '../response.ts'
import type { CodexTaskPageJson } from '../response.ts'
import { secondsOf, statusOf, updatedAt } from '../status.ts'

const list = defineRoute({
  method: 'get',
  path: '/tasks/list',
  needs: { scope: 'read' },
  request: { query: CodexTaskQuery },
  responses: { 200: json('A page of tasks, newest first', CodexTaskPageSchema), ...codexErrors },
})

export function codexTaskListRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(list, async (c) => {
    const { environment_id: environment, task_filter: wanted, ...page } = c.req.valid('query')
    const filter = await taskFilter(deps, c.get('principal'), { environment })
    if (wanted === 'archived') return c.json({ items: [] }, 200)
    const { data, nextCursor } = await listTasks(deps.db, filter, page)
    const attempts = await readLastAttempts(
      deps.db,
      data.map(({ id }) => id),
    )
    const items = data.map((head) => itemOf(head, attempts.get(head.id) ?? []))
    return c.json({ items, ...(nextCursor !== null && { cursor: nextCursor }) }, 200)
  })
}

/** Without its pull requests: the CLI would take the task for a review. */
function itemOf(head: TaskHead, attempts: readonly AttemptHead[]): CodexTaskPageJson['items'][number] {
  return {
    id: head.id,
    title: visibleText(head.title),
    has_generated_title: false,
    created_at: secondsOf(head.createdAt),
    updated_at: secondsOf(updatedAt(attempts)),
    task_status_display: statusOf(head, attempts),
    archived: false,
    has_unread_turn: false,
  }
}
