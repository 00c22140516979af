import type { ApiDeps } from '../context.ts'
import { AUTHAPI, PREFIXES } from './paths.ts'
import { codexAccountRoutes, whoamiRoutes } from './routes/account.ts'
import { codexEnvironmentRoutes } from './routes/environments.ts'
import { codexTaskListRoutes } from './routes/task-list.ts'
import { taskPageRoutes } from './routes/task-page.ts'
import { codexTaskRoutes } from './routes/tasks.ts'

/** What the real Codex CLI asks of a server, each group of routes with the path that it lies below. */
export function codexRoutes(deps: ApiDeps) {
  // The list comes before single tasks: "list" would be the id of one.
  const groups = [
    codexEnvironmentRoutes(deps),
    codexTaskListRoutes(deps),
    codexTaskRoutes(deps),
    codexAccountRoutes(deps),
  ]
  return [
    ...PREFIXES.flatMap((base) => groups.map((routes) => ({ base, routes }))),
    { base: AUTHAPI, routes: whoamiRoutes(deps) },
    { base: '/', routes: taskPageRoutes(deps) },
  ]
}
