import type { StarterTask } from '../../../domain/environments/parts.ts'

/** Tasks that a newcomer may begin with: they need no knowledge of the code. */
export function starterTasks(languages: readonly string[], verification: readonly string[]): StarterTask[] {
  const kind = languages.length === 0 ? 'this repository' : `this repository (${languages.join(', ')})`
  const checks = verification.map((command) => `    ${command}`).join('\n')
  return [
    {
      title: 'Explain the code',
      prompt: `Explain ${kind} to a developer who is new to it: what it does, how it is laid out, where to begin reading, and what is unusual about it.`,
    },
    ...(verification.length === 0
      ? []
      : [
          {
            title: 'Run the checks and mend what fails',
            prompt: `Run these commands and mend whatever fails, with the smallest change:\n\n${checks}\n`,
          },
          {
            title: 'Test what is not tested',
            prompt: `Find the most important behaviour that no test covers, write tests for it in the style of those that are there, and make sure that these commands pass:\n\n${checks}\n`,
          },
        ]),
    {
      title: 'Find a bug',
      prompt:
        'Look for a mistake that can happen in practice, show it by a test that fails, and mend it. If there is none, say what was looked at.',
    },
  ]
}
