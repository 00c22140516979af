import { PRELUDE } from './sandbox-shell.ts'

/** What the checkout exits with when an earlier one, and set-up after it, have been there. */
export const BEEN_THERE = 10

/**
 * As the agent's user. Reads packed refs on standard input, with `shallow ID` lines between. Prints `submodule PATH` and
 * `lfs PATH`, and first `same` or `moved` where an earlier checkout was left for this one: then only what differs is
 * touched, or nothing. Times that an image keeps are whole seconds and its inodes are others, so only those count. The
 * objects stay where they are: nothing is copied.
 */
export const CHECKOUT = `${PRELUDE}
[ -d "$DRYDOCK_WORKSPACE" ] || mkdir "$DRYDOCK_WORKSPACE" || exit 3
cd "$DRYDOCK_WORKSPACE" || exit 3
G="$DRYDOCK_WORKSPACE/.git"
export GIT_DIR="$G" GIT_WORK_TREE="$DRYDOCK_WORKSPACE"
left=
if [ -e "$G" ] || [ -L "$G" ]; then
  if [ "\${DRYDOCK_AGAIN:-}" = 1 ]; then
    rm -f "$G/index.lock" "$G/HEAD.lock" "$G/packed-refs.lock"
    if [ -L "$G" ] || [ ! -d "$G" ] || ! git $C rev-parse --git-dir >/dev/null 2>&1; then rm -rf "$G"; fi
  else
    [ ! -L "$G" ] && [ -f "$G/drydock-left" ] || exit ${BEEN_THERE}
    read -r left < "$G/drydock-left" || exit ${BEEN_THERE}
  fi
fi
if [ ! -d "$G" ]; then
  git $C init -q --template= || exit 3
  mkdir -p "$G/hooks" "$G/info" || exit 3
  git $C config user.name 'Drydock agent' && git $C config user.email agent@drydock.invalid || exit 3
fi
mkdir -p "$G/objects/info" && printf '%s\\n' "$DRYDOCK_OBJECTS" > "$G/objects/info/alternates" || exit 3
cat > "$G/drydock-refs" || exit 3
sed -n 's/^shallow //p' "$G/drydock-refs" > "$G/shallow"
[ -s "$G/shallow" ] || rm -f "$G/shallow"
rm -rf "$G/refs/heads" "$G/refs/remotes" "$G/refs/tags"
mkdir -p "$G/refs/heads" "$G/refs/tags" "$G/refs/remotes/origin" || exit 3
sed '/^shallow /d' "$G/drydock-refs" > "$G/packed-refs" && rm -f "$G/drydock-refs" || exit 3
printf 'ref: refs/remotes/origin/%s\\n' "$DRYDOCK_DEFAULT" > "$G/refs/remotes/origin/HEAD"
printf 'ref: refs/heads/%s\\n' "$DRYDOCK_BRANCH" > "$G/HEAD" || exit 3
rm -f "$G/drydock-left"
C="$C -c filter.lfs.process= -c filter.lfs.smudge= -c filter.lfs.required=false"
if [ -z "$left" ]; then
  if [ "\${DRYDOCK_AGAIN:-}" = 1 ] && [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then
    rm -f "$G/index"
    git $C read-tree "$DRYDOCK_BASE" || exit 3
    git $C update-index -q --refresh >/dev/null 2>&1
  fi
  git $C reset -q --hard "$DRYDOCK_BASE" || exit 3
elif [ "$left" != "$DRYDOCK_BASE" ]; then
  git $C -c core.checkStat=minimal reset -q --hard "$DRYDOCK_BASE" || exit 3
fi
if [ -n "$left" ] && [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then
  git $C update-index -q --refresh >/dev/null 2>&1
  left=moved
fi
if [ "$left" = "$DRYDOCK_BASE" ]; then echo same; elif [ -n "$left" ]; then echo moved; fi
if [ "$left" != "$DRYDOCK_BASE" ] || [ ! -f "$G/drydock-notes" ]; then
  git $C ls-files -s | sed -n 's/^160000 [0-9a-f]* 0./submodule /p' | head -n 20 > "$G/drydock-notes"
  git $C ls-files ':(attr:filter=lfs)' 2>/dev/null | sed 's/^/lfs /' | head -n 20 >> "$G/drydock-notes"
fi
cat "$G/drydock-notes"
if [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then echo "$DRYDOCK_BASE" > "$G/drydock-left" || exit 3; else rm -f "$G/drydock-notes"; fi
exit 0
`

/** As root, for a sandbox in which set-up has run: its files become the agent's. */
export const GIVE_TO_AGENT = `${PRELUDE}
find "$DRYDOCK_WORKSPACE" ! -user 1000 -exec chown -h 1000:1000 {} +
`

/**
 * As root: the runner's own git directory, where the agent can neither read nor write. It keeps the index of the checkout
 * so that collecting reads only files that changed; after set-up, which may have touched that index, a new one is made.
 * What an earlier checkout kept is used again, as it is or with the index of this one.
 */
export const KEEP = `${PRELUDE}
umask 077
export GIT_DIR="$DRYDOCK_GIT_DIR" GIT_WORK_TREE="$DRYDOCK_WORKSPACE" GIT_INDEX_FILE="$DRYDOCK_GIT_DIR/index"
how=\${DRYDOCK_HOW:-}
[ -f "$GIT_INDEX_FILE" ] || how=
if [ -z "$how" ]; then
  rm -rf "$DRYDOCK_GIT_DIR"
  env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE git $C init -q --bare --template= "$GIT_DIR" || exit 3
  mkdir -p "$GIT_DIR/objects/info" "$GIT_DIR/info" || exit 3
fi
printf '%s\\n' "$DRYDOCK_OBJECTS" > "$GIT_DIR/objects/info/alternates" || exit 3
rm -f "$GIT_DIR/shallow"
if [ -f "$DRYDOCK_WORKSPACE/.git/shallow" ]; then cp "$DRYDOCK_WORKSPACE/.git/shallow" "$GIT_DIR/shallow" || exit 3; fi
[ "$how" != same ] || exit 0
if [ "$how" != again ] && cp "$DRYDOCK_WORKSPACE/.git/index" "$GIT_INDEX_FILE" &&
  git $C diff-index --cached --quiet "$DRYDOCK_BASE" --; then exit 0; fi
rm -f "$GIT_INDEX_FILE"
git $C read-tree "$DRYDOCK_BASE" || exit 3
git $C update-index -q --refresh >/dev/null 2>&1
exit 0
`
