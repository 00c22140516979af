import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { privateFolder } from './private-folder.mjs'

/**
 * Runs `work` while no other process of this user runs it under the same name. A lock whose holder died is taken
 * over: process number and start time together name a process for good.
 */
export async function withLock(name, work, { onWait = () => {} } = {}) {
  const path = join(privateFolder(), `${name}.lock`)
  let told = false
  for (let holder; (holder = tryLock(path)) !== null; await sleep(holder === 0 ? 0 : 200)) {
    if (holder !== 0 && !told) {
      onWait(holder)
      told = true
    }
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

/** Returns null when the lock is ours, else the number of the process that has it; 0 right after a dead one's. */
function tryLock(path) {
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startTime(process.pid) }))
  try {
    // A link appears with its content, all at once, and fails where a file is.
    linkSync(mine, path)
    return null
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  } finally {
    rmSync(mine, { force: true })
  }
  return holderOf(path)
}

function holderOf(path) {
  const holder = readHolder(path)
  if (holder && isAlive(holder)) return holder.pid
  removeStale(path, holder)
  return 0
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Two processes may find the same dead holder. Renaming first shows what was really removed: when it is a living
 * one's fresh lock, it goes back. The moment between is harmless, as builds of one tag give the same image.
 */
function removeStale(path, stale) {
  const aside = `${path}.stale-${process.pid}`
  try {
    renameSync(path, aside)
    const removed = readHolder(aside)
    if (removed && removed.pid !== stale?.pid && isAlive(removed)) linkSync(aside, path)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  }
  rmSync(aside, { force: true })
}

function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
  return startTime(pid) === started
}

/** Field 22 of /proc/PID/stat; null where there is no /proc, and the number alone has to do. */
function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return null
  }
}
