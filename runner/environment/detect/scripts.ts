import type { Reason } from '../../../domain/environments/proposal.ts'
import type { Project } from './projects.ts'
import { inFolder, quote } from './shell.ts'
import type { Step } from './part.ts'

const HEAD = ['set -euo pipefail', 'cd /workspace']
const SEEN = '/opt/cache/manifests.sha256'
const MAX_MANIFESTS = 40

export type Scripts = { setupScript: string | null; maintenanceScript: string | null; reasons: Reason[] }

/** Puts the steps of all projects into the two scripts, with the reason of every line. */
export function scriptsOf(projects: readonly Project[]): Scripts {
  const steps = unique(projects.flatMap(({ folder, part }) => part.setup.map((step) => placed(folder.path, step))))
  if (steps.length === 0) return { setupScript: null, maintenanceScript: null, reasons: [] }
  const manifests = projects
    .flatMap(({ part }) => (part.setup.length > 0 ? part.manifests : []))
    .slice(0, MAX_MANIFESTS)
  const last = lastSteps(manifests)
  const setup = [...steps, ...last]
  const reasons = setup.map(({ run, why, from }) => ({ part: 'setup' as const, what: run, why, from }))
  return {
    setupScript: script(setup.map(({ run }) => run)),
    maintenanceScript: manifests.length === 0 ? null : maintenance(steps, last),
    reasons: manifests.length === 0 ? reasons : [...reasons, MAINTENANCE],
  }
}

const MAINTENANCE: Reason = {
  part: 'maintenance',
  what: 'the same steps, where the manifests have changed since set-up',
  why: 'a snapshot serves later commits and other branches; without a network what is there has to do',
  from: null,
}

const script = (lines: readonly string[]) => `${[...HEAD, ...lines].join('\n')}\n`

function placed(folder: string, step: Step): Step {
  if (step.anywhere) return step
  const { run, again } = step
  return { ...step, run: inFolder(folder, run), ...(again !== undefined && { again: inFolder(folder, again) }) }
}

/** One environment of Python serves all projects, so the line that makes it comes once. */
function unique(steps: readonly Step[]): Step[] {
  return [...new Map(steps.map((step) => [step.run, step])).values()]
}

function lastSteps(manifests: readonly string[]): (Step & { from: string })[] {
  const own = 'find /opt/cache /opt/toolchain /opt/venv ! -user 1000 -exec chown -h 1000:1000 {} +'
  const steps = [
    { run: own, why: "the agent's user, without root's rights, uses and adds to what was downloaded", from: '' },
  ]
  if (manifests.length === 0) return steps
  const run = `sha256sum -- ${manifests.map(quote).join(' ')} > ${SEEN}`
  return [{ run, why: 'maintenance sees by it whether there is something to do', from: '' }, ...steps]
}

function maintenance(steps: readonly Step[], last: readonly Step[]): string {
  const chain = [...steps.map(({ run, again }) => again ?? run), ...last.map(({ run }) => run)].map(
    (run) => `  { ${run}; }`,
  )
  return script([
    `if sha256sum --status --check ${SEEN}; then exit 0; fi`,
    'echo "The manifests have changed since set-up: installing again"',
    `{\n${chain.join(' &&\n')}\n} || echo "Cannot install again; what set-up installed is used"`,
  ])
}
