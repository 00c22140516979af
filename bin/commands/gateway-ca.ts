import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { JSON_OPTION, defineCommand } from '../../cli/command.ts'
import { say, writeJson } from '../../cli/context.ts'
import { usageError } from '../../cli/errors.ts'
import { dataFolderOf } from '../data-option.ts'
import { controlClient } from '../../runner/network/control-client.ts'
import { socketPath } from '../../runner/network/socket-path.ts'

const STEPS = {
  prepare: 'A next CA is made. New sandboxes trust both; certificates come from the old one until "activate".',
  activate: 'Certificates come from the next CA. Sandboxes that started before "prepare" do not trust it.',
  drop: 'The old CA is gone: new sandboxes trust the new one alone.',
} as const

export const gatewayCa = defineCommand({
  name: 'gateway-ca',
  summary: "Replaces the CA by which the gateway inspects sandboxes' TLS, in three steps: prepare, activate, drop.",
  positionals: ['STEP'],
  options: {
    data: {
      type: 'string',
      value: 'DIR',
      help: "the runner's data folder (default ~/.local/share/drydock, as root /var/lib/drydock)",
    },
    ...JSON_OPTION,
  },
  notes: 'Let the longest attempt end between the steps: a sandbox trusts what was there when it started.',
  examples: ['drydock gateway-ca prepare', 'drydock gateway-ca activate', 'drydock gateway-ca drop'],
  run: async ({ values, positionals: [step = ''] }, context) => {
    if (!isStep(step))
      throw usageError(`Cannot do ${JSON.stringify(step)}: the steps are ${Object.keys(STEPS).join(', ')}`)
    const folder = dataFolderOf(values, context)
    const socket = join(folder, 'gateway', 'control', 'control.sock')
    if (!(await isThere(socket))) {
      throw usageError(
        `Cannot replace the CA: no gateway runs for ${folder}. It starts with the first task that needs a network; name another data folder with --data`,
      )
    }
    await using path = await socketPath(socket)
    const control = controlClient(path.path)
    try {
      await control.rotateCa(step)
      const { caPem, nextCaPem } = await control.health()
      if (values.json) writeJson(context, { step, caPem, nextCaPem: nextCaPem ?? null })
      else say(context, STEPS[step])
      return 0
    } finally {
      control.close()
    }
  },
})

const isStep = (text: string): text is keyof typeof STEPS => Object.hasOwn(STEPS, text)

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
