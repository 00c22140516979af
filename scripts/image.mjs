#!/usr/bin/env node
// The project's images, each under a tag that is a hash of everything it is made of.
//
//   node scripts/image.mjs tag NAME      prints the tag
//   node scripts/image.mjs build NAME…   builds what is missing, parents first; also tags drydock/NAME:latest
//
// Runs on a fresh clone, before the dependencies are there: plain Node, no packages.
import { ensureImage } from './lib/build-image.mjs'
import { Failure } from './lib/failure.mjs'
import { IMAGE_NAMES, tagOf } from './lib/image-table.mjs'
import { interruption } from './lib/run.mjs'

const USAGE = `Usage: node scripts/image.mjs tag NAME | build NAME…   (names: ${IMAGE_NAMES.join(', ')})`

async function main([command, ...names]) {
  if (command === 'tag' && names.length === 1) {
    process.stdout.write(`${tagOf(names[0])}\n`)
  } else if (command === 'build' && names.length > 0) {
    for (const name of names) await ensureImage(name)
  } else {
    throw new Failure(USAGE, { exitCode: 2 })
  }
}

function report(error) {
  if (interruption.signal.aborted) {
    process.exitCode = 130
    return
  }
  if (!(error instanceof Failure)) throw error
  for (const line of error.output) process.stderr.write(`  | ${line}\n`)
  process.stderr.write(`images: ${error.message}\n`)
  if (error.advice) process.stderr.write(`images: Try: ${error.advice}\n`)
  process.exitCode = error.exitCode
}

// Ctrl-C may arrive twice, from the terminal and from npm; the first one counts.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interruption.abort())
await main(process.argv.slice(2)).catch(report)
