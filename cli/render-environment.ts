import type { EnvironmentJson } from '../api/schemas/environment.ts'
import { neutralise, neutraliseLine } from './terminal.ts'
import type { Style } from './terminal.ts'

/** An environment with everything that is set, for reading. */
export function renderEnvironment(environment: EnvironmentJson, style: Style): string {
  const { id, name, description, repository, image, agent, agentUser, publish, policy, variables, resources } =
    environment
  const { model, provider, budgetTokens, limits } = environment
  const line = (label: string, value: string) => `  ${label.padEnd(13)}${neutraliseLine(value)}`
  const block = (label: string, text: string | null) =>
    text === null || text === '' ? [] : ['', style('bold', label), neutralise(text).replace(/^/gm, '  ')]
  return [
    style('bold', name) + (description === '' ? '' : `: ${neutraliseLine(description)}`),
    line('id', id),
    line('repository', `${repository.address} (${repository.forge})`),
    ...(environment.repositories ?? []).map((each) =>
      line('beside it', `${each.name}: ${each.address} (${each.forge})`),
    ),
    line('image', image),
    line('agent', `${agent}, as ${agentUser}`),
    ...(model === null ? [] : [line('model', model)]),
    ...(provider === null ? [] : [line('provider', provider)]),
    ...(budgetTokens === null ? [] : [line('budget', `${budgetTokens} tokens an attempt`)]),
    line('publish', environment.publishUnlinked ? publish : `${publish}, only by people with a linked login`),
    line('network', Object.keys(policy).length === 0 ? 'off' : JSON.stringify(policy)),
    ...(Object.keys(resources).length === 0 ? [] : [line('resources', JSON.stringify(resources))]),
    ...(Object.keys(limits).length === 0 ? [] : [line('limits', JSON.stringify(limits))]),
    ...Object.entries(environment.versions).map(([key, value]) => line('version', `${key} ${value}`)),
    ...Object.entries(variables).map(([key, value]) => line('variable', `${key}=${value}`)),
    ...environment.services.flatMap((service) => serviceLines(service).map((text) => line('service', text))),
    ...block('Setup', environment.setupScript),
    ...block('Maintenance', environment.maintenanceScript),
    ...block('Agent script', environment.agentScript),
    ...block('Verification', environment.verification.join('\n')),
    ...block('Starter tasks', environment.starterTasks.map(({ title }) => title).join('\n')),
  ].join('\n')
}

function serviceLines({ name, image, env = {}, command, port }: EnvironmentJson['services'][number]): string[] {
  const at = port === undefined ? name : `${name}:${port}`
  return [
    `${at} from ${image}${command === undefined ? '' : ` with ${JSON.stringify(command)}`}`,
    ...Object.entries(env).map(([key, value]) => `${name} has ${key}=${value}`),
  ]
}
