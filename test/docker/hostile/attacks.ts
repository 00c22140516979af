/**
 * An attack by the agent. `arm` runs in /workspace and prepares it; `control` runs where nothing protects (plain git in a
 * copy of the work tree) and must touch the marker: it shows that the attack works there.
 */
export type Attack = {
  name: string
  arm: string
  control: string
  /** `git diff-tree --name-status` of what is to be collected beside the honest edit, which is in every attack. */
  also?: string[]
  /** Part of a line that says what was left out. */
  skipped?: RegExp
}

/** The edit that must come out whatever happens around it. */
export const HONEST_EDIT = 'printf "two\\n" > a.txt; printf "new\\n" > new.txt'
export const HONEST_CHANGE = ['M\ta.txt', 'A\tnew.txt']

// $MARKER is the file that the attacker wants to be made; $EVIL a program of the attacker that makes it.
const LOST = 'git add -A 2>/dev/null; git diff --cached --name-only | grep -qx new.txt || touch "$MARKER"'
const BROKEN = 'git status >/dev/null 2>&1 || touch "$MARKER"'
const ADD = 'git add -A >/dev/null 2>&1'

const CONFIGURATION: Attack[] = [
  { name: 'core.fsmonitor', arm: 'git config core.fsmonitor "$EVIL"', control: ADD },
  {
    name: 'core.hooksPath',
    arm: 'mkdir -p .git/evil; cp "$EVIL" .git/evil/post-index-change; git config core.hooksPath .git/evil',
    control: ADD,
  },
  { name: 'hook post-index-change', arm: 'cp "$EVIL" .git/hooks/post-index-change', control: ADD },
  { name: 'hook pre-commit', arm: 'cp "$EVIL" .git/hooks/pre-commit', control: `${ADD}; git commit -qm x` },
  {
    name: 'hook reference-transaction',
    arm: 'cp "$EVIL" .git/hooks/reference-transaction',
    control: 'git update-ref refs/heads/other HEAD',
  },
  {
    name: 'clean filter named by .gitattributes',
    arm: 'git config filter.x.clean "$EVIL"; echo "*.txt filter=x" > .gitattributes',
    control: ADD,
    also: ['A\t.gitattributes'],
  },
  {
    name: 'smudge filter named by .gitattributes',
    arm: 'git config filter.x.smudge "$EVIL"; echo "*.txt filter=x" > .gitattributes',
    control: 'rm a.txt; git checkout -q a.txt',
    also: ['A\t.gitattributes'],
  },
  {
    name: 'filter process, required',
    arm: 'git config filter.x.process "$EVIL"; git config filter.x.required true; echo "*.txt filter=x" > .gitattributes',
    control: ADD,
    also: ['A\t.gitattributes'],
  },
  {
    name: 'filter in info/attributes',
    arm: 'git config filter.x.clean "$EVIL"; echo "* filter=x" > .git/info/attributes',
    control: ADD,
  },
  {
    name: 'filter in core.attributesFile',
    arm: 'git config filter.x.clean "$EVIL"; echo "* filter=x" > /tmp/attributes; git config core.attributesFile /tmp/attributes',
    control: ADD,
  },
  {
    name: 'filter in the agent’s own ~/.gitconfig',
    arm: 'git config --global filter.x.clean "$EVIL"; echo "*.txt filter=x" > .gitattributes',
    control: ADD,
    also: ['A\t.gitattributes'],
  },
  {
    name: 'configuration in ~/.config/git',
    arm: 'mkdir -p ~/.config/git; printf "[core]\\n\\tfsmonitor = %s\\n" "$EVIL" > ~/.config/git/config; echo "*" > ~/.config/git/ignore',
    control: ADD,
  },
  {
    name: 'include.path',
    arm: 'printf "[core]\\n\\tfsmonitor = %s\\n" "$EVIL" > /tmp/included; git config include.path /tmp/included',
    control: ADD,
  },
  {
    name: 'includeIf.gitdir',
    arm: 'printf "[core]\\n\\tfsmonitor = %s\\n" "$EVIL" > /tmp/included; git config "includeIf.gitdir:/**.path" /tmp/included',
    control: ADD,
  },
  {
    name: 'worktree configuration',
    arm: 'git config extensions.worktreeConfig true; printf "[core]\\n\\tfsmonitor = %s\\n" "$EVIL" > .git/config.worktree',
    control: ADD,
  },
  {
    name: 'textconv',
    arm: 'git config diff.x.textconv "$EVIL"; echo "*.txt diff=x" > .gitattributes',
    control: 'git diff >/dev/null 2>&1',
    also: ['A\t.gitattributes'],
  },
  {
    name: 'diff driver command',
    arm: 'git config diff.x.command "$EVIL"; echo "*.txt diff=x" > .gitattributes',
    control: 'git diff >/dev/null 2>&1',
    also: ['A\t.gitattributes'],
  },
  { name: 'diff.external', arm: 'git config diff.external "$EVIL"', control: 'git diff >/dev/null 2>&1' },
  { name: 'alias', arm: 'git config alias.collect "!$EVIL"', control: 'git collect' },
  {
    name: 'core.sshCommand',
    arm: 'git config core.sshCommand "$EVIL"; git config remote.origin.url ssh://example.com/x',
    control: 'timeout 5 git fetch origin </dev/null 2>/dev/null; true',
  },
  {
    name: 'credential.helper',
    arm: 'git config credential.helper "$EVIL"',
    control: 'printf "url=https://example.com\\n\\n" | GIT_TERMINAL_PROMPT=0 git credential fill 2>/dev/null || true',
  },
  {
    name: 'gpg.program',
    arm: 'git config gpg.program "$EVIL"',
    control: `${ADD}; git commit -qS -m x 2>/dev/null || true`,
  },
  { name: 'core.editor', arm: 'git config core.editor "$EVIL"', control: `${ADD}; git commit -q 2>/dev/null || true` },
  {
    name: 'core.alternateRefsCommand and url.insteadOf',
    arm: 'git config core.alternateRefsCommand "$EVIL"; git config url.ext::sh.insteadOf /mirror',
    control:
      'git init -q --bare /tmp/to; git push -q /tmp/to HEAD:refs/heads/x 2>/dev/null; cd /tmp/to; git config core.alternateRefsCommand "$EVIL"; echo /mirror/objects > objects/info/alternates; cd -; git push -q /tmp/to HEAD:refs/heads/y 2>/dev/null || true',
  },
  {
    name: 'template with hooks',
    arm: 'mkdir -p /tmp/template/hooks; cp "$EVIL" /tmp/template/hooks/post-index-change; git config --global init.templateDir /tmp/template',
    control: 'mkdir /tmp/other && cd /tmp/other && git init -q && touch x && git add x',
  },
]

const LIES: Attack[] = [
  { name: 'info/exclude hides everything', arm: 'echo "*" > .git/info/exclude', control: LOST },
  {
    name: 'core.excludesFile hides everything',
    arm: 'echo "*" > /tmp/exclude; git config core.excludesFile /tmp/exclude',
    control: LOST,
  },
  {
    name: 'core.worktree points elsewhere',
    arm: 'mkdir -p /tmp/elsewhere; git config core.worktree /tmp/elsewhere',
    control: LOST,
  },
  { name: 'core.bare', arm: 'git config core.bare true', control: LOST },
  {
    name: 'assume-unchanged hides an edit',
    arm: 'git update-index --assume-unchanged a.txt',
    control: 'git add -A; git diff --cached --name-only | grep -qx a.txt || touch "$MARKER"',
  },
  {
    name: 'skip-worktree hides an edit',
    arm: 'git update-index --skip-worktree a.txt',
    control: 'git add -A; git diff --cached --name-only | grep -qx a.txt || touch "$MARKER"',
  },
  {
    name: 'sparse checkout hides a folder',
    arm: 'git config core.sparseCheckout true; echo /folder/ > .git/info/sparse-checkout',
    control: LOST,
  },
  { name: 'index is rubbish', arm: 'head -c 500 /dev/urandom > .git/index', control: BROKEN },
  { name: 'index is locked', arm: 'touch .git/index.lock', control: LOST },
  { name: 'HEAD is rubbish', arm: 'echo rubbish > .git/HEAD', control: BROKEN },
  {
    name: 'HEAD and packed refs name another commit',
    arm: 'rm -f .git/refs/heads/main; sed -i "s/^[0-9a-f]*/$(git rev-parse HEAD~1)/" .git/packed-refs',
    control: '[ "$(git rev-list --count HEAD)" = 1 ] && touch "$MARKER"',
  },
  { name: '.git is gone', arm: 'rm -rf .git', control: BROKEN },
  { name: '.git is a symlink to /etc', arm: 'rm -rf .git; ln -s /etc .git', control: BROKEN },
  { name: '.git is a file', arm: 'rm -rf .git; echo rubbish > .git', control: BROKEN },
  {
    name: '.git is a file that names an evil repository',
    arm: 'mv .git /tmp/evil-git; git --git-dir=/tmp/evil-git config core.fsmonitor "$EVIL"; echo "gitdir: /tmp/evil-git" > .git',
    control: ADD,
  },
  {
    name: 'commondir names an evil repository',
    arm: 'cp -r .git /tmp/common; git --git-dir=/tmp/common config core.fsmonitor "$EVIL"; echo /tmp/common > .git/commondir',
    control: ADD,
  },
  {
    name: 'alternates name nothing',
    arm: 'echo /nowhere > .git/objects/info/alternates',
    control: 'git log -1 >/dev/null 2>&1 || touch "$MARKER"',
  },
  {
    name: 'replace ref swaps a file',
    arm: 'git replace "$(git rev-parse HEAD:a.txt)" "$(echo other | git hash-object -w --stdin)"',
    control: 'git cat-file -p HEAD:a.txt | grep -q other && touch "$MARKER"',
  },
  {
    name: 'grafts cut the history',
    arm: 'git rev-parse HEAD > .git/info/grafts',
    control: '[ "$(git rev-list --count HEAD 2>/dev/null)" = 1 ] && touch "$MARKER"',
  },
  {
    name: 'shallow file cuts the history',
    arm: 'git rev-parse HEAD > .git/shallow',
    control: '[ "$(git rev-list --count HEAD)" = 1 ] && touch "$MARKER"',
  },
]

const WORK_TREE: Attack[] = [
  {
    name: 'pipe called .gitignore hangs git',
    arm: 'mkfifo .gitignore',
    control: 'timeout 2 git add -A; [ $? -eq 124 ] && touch "$MARKER"',
  },
  {
    name: 'pipe called .gitattributes in a folder',
    arm: 'mkfifo folder/.gitattributes',
    control: 'timeout 2 git add -A 2>/dev/null || touch "$MARKER"',
  },
  {
    name: 'nested repository without a commit stops git',
    arm: 'mkdir nested; git init -q nested; echo inner > nested/file',
    control: LOST,
    also: ['A\tnested/file'],
    skipped: /^nested: its files are collected/,
  },
  {
    name: 'nested repository with a commit loses its files',
    arm: 'git init -q nested; cd nested; echo inner > file; git add .; git -c user.name=a -c user.email=a@b commit -qm x; git config core.fsmonitor "$EVIL"; cd ..',
    control: 'git add -A 2>/dev/null; git ls-files -s nested | grep -q ^160000 && touch "$MARKER"',
    also: ['A\tnested/file'],
    skipped: /^nested: its files are collected/,
  },
  {
    name: 'nested .git file that names an evil repository',
    arm: 'git clone -q . /tmp/evil-git; git -C /tmp/evil-git config core.fsmonitor "$EVIL"; mkdir nested; echo "gitdir: /tmp/evil-git/.git" > nested/.git; echo inner > nested/file',
    control: 'git add -A 2>/dev/null; git ls-files -s nested | grep -q ^160000 && touch "$MARKER"',
    also: ['A\tnested/file'],
    skipped: /^nested: its files are collected/,
  },
  {
    name: '.GIT folder stops git',
    arm: 'mkdir .GIT; echo x > .GIT/config',
    control: LOST.replace('git add', 'git -c core.protectHFS=true -c core.protectNTFS=true add'),
    skipped: /\.GIT/,
  },
  {
    name: 'git~1 folder stops git',
    arm: 'mkdir "git~1"; echo x > "git~1/config"',
    control: LOST.replace('git add', 'git -c core.protectNTFS=true add'),
    skipped: /git~1/,
  },
  {
    name: 'file that its encoding cannot take stops git',
    arm: 'echo "bad working-tree-encoding=UTF-16" > .gitattributes; printf "odd" > bad',
    control: LOST,
    also: ['A\t.gitattributes'],
    skipped: /bad/,
  },
  {
    name: 'symlinked folder leads outside',
    arm: 'rm -r folder; ln -s /etc folder',
    control: 'cat folder/passwd >/dev/null && touch "$MARKER"',
    also: ['D\tfolder/b.txt', 'A\tfolder'],
  },
  {
    name: 'program called git in /workspace',
    arm: 'mkdir bin; for n in git sh find sed xargs; do cp "$EVIL" bin/$n; done; cp "$EVIL" git',
    control: 'PATH="$PWD/bin:$PATH"; git status',
    also: ['A\tbin/find', 'A\tbin/git', 'A\tbin/sed', 'A\tbin/sh', 'A\tbin/xargs', 'A\tgit'],
  },
  {
    name: 'profile files set GIT_ variables',
    arm: 'for f in .profile .bashrc .bash_profile; do printf "export GIT_EXTERNAL_DIFF=%s GIT_DIR=/tmp/none; %s\\n" "$EVIL" "$EVIL" > ~/$f; done; echo "$EVIL" > /tmp/env',
    control: 'bash -lc true; ENV=/tmp/env sh -ic true 2>/dev/null',
  },
  {
    name: 'name that forges a line of the collector',
    arm: 'n=$(printf "x\\ntree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\\n_"); mkdir "$n"; git init -q "$n"; echo in > "$n/f"',
    control: 'find . -name .git | grep -q "^tree 4b825" && touch "$MARKER"',
    also: ['A\t"x\\ntree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\\n_/f"'],
  },
]

export const ATTACKS = [...CONFIGURATION, ...LIES, ...WORK_TREE]
