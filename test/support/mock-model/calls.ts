import { isAbsolute, join } from 'node:path'
import type { Edit, PlanItem, Step, Write } from './scenario.ts'

/** A call of a tool. `input` marks one whose argument is free text. */
export type Call = { name: string; args?: Record<string, unknown>; input?: string }

type Tools = { has: (name: string) => boolean; cwd: string }

/** Translates a step to the tools of the agent that asks: codex in both of its ways, claude or opencode. */
export function callsFor(step: Step, { tools, cwd }: { tools: Set<string>; cwd: string }): Call[] {
  const offered: Tools = { has: (name) => tools.has(name), cwd }
  return [
    ...(step.run ?? []).map((command) => shell(command, offered)),
    ...(step.read ?? []).map((path) => reading(path, offered)),
    ...(step.write ?? []).map((file) => writing(file, offered)),
    ...(step.edit ?? []).map((edit) => editing(edit, offered)),
    ...(step.plan ? planning(step.plan, offered) : []),
  ]
}

const absolute = (path: string, { cwd }: Tools) => (isAbsolute(path) ? path : join(cwd, path))

/** One tool that runs JavaScript, which calls the others. */
const isCodeMode = ({ has }: Tools) => has('exec') && !has('exec_command')
const script = (input: string): Call => ({ name: 'exec', input })

function shell(command: string, tools: Tools): Call {
  if (isCodeMode(tools)) return script(`text(await tools.exec_command(${JSON.stringify({ cmd: command })}));`)
  if (tools.has('exec_command')) return { name: 'exec_command', args: { cmd: command } }
  if (tools.has('shell_command')) return { name: 'shell_command', args: { command } }
  return { name: tools.has('Bash') ? 'Bash' : 'bash', args: { command, description: 'Run a command' } }
}

function reading(path: string, tools: Tools): Call {
  if (tools.has('Read')) return { name: 'Read', args: { file_path: absolute(path, tools) } }
  if (tools.has('read')) return { name: 'read', args: { filePath: absolute(path, tools) } }
  return shell(`cat ${JSON.stringify(path)}`, tools)
}

function writing({ path, content }: Write, tools: Tools): Call {
  if (tools.has('Write')) return { name: 'Write', args: { file_path: absolute(path, tools), content } }
  if (tools.has('write')) return { name: 'write', args: { filePath: absolute(path, tools), content } }
  return patching(`*** Add File: ${path}\n${prefixed('+', content.replace(/\n$/, ''))}`, tools)
}

function editing(edit: Edit, tools: Tools): Call {
  const path = absolute(edit.path, tools)
  if (tools.has('Edit')) return { name: 'Edit', args: { file_path: path, old_string: edit.old, new_string: edit.new } }
  if (tools.has('edit')) return { name: 'edit', args: { filePath: path, oldString: edit.old, newString: edit.new } }
  return patching(`*** Update File: ${edit.path}\n@@\n${prefixed('-', edit.old)}\n${prefixed('+', edit.new)}`, tools)
}

const prefixed = (sign: string, text: string) => text.replace(/^/gm, sign)

function patching(change: string, tools: Tools): Call {
  const patch = `*** Begin Patch\n${change}\n*** End Patch\n`
  if (isCodeMode(tools)) return script(`text(await tools.apply_patch(${JSON.stringify(patch)}));`)
  if (tools.has('apply_patch')) return { name: 'apply_patch', input: patch, args: { patchText: patch } }
  return shell(`apply_patch <<'PATCH'\n${patch}PATCH`, tools)
}

function planning(plan: readonly PlanItem[], tools: Tools): Call[] {
  if (isCodeMode(tools)) return [script(`text(await tools.update_plan(${JSON.stringify({ plan })}));`)]
  if (tools.has('update_plan')) return [{ name: 'update_plan', args: { plan } }]
  const todos = plan.map(({ step, status }) => ({
    content: step,
    status,
    priority: 'medium',
    id: step,
    activeForm: step,
  }))
  if (tools.has('TodoWrite')) return [{ name: 'TodoWrite', args: { todos } }]
  if (tools.has('todowrite')) return [{ name: 'todowrite', args: { todos } }]
  if (!tools.has('TaskCreate')) return []
  // claude's list: made once, then changed by number.
  const done = plan.every(({ status }) => status === 'completed')
  return plan.map(({ step, status }, i) =>
    done
      ? { name: 'TaskUpdate', args: { taskId: String(i + 1), status } }
      : { name: 'TaskCreate', args: { subject: step, description: step, activeForm: step } },
  )
}
