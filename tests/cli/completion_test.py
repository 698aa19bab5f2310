# SPDX-License-Identifier: MIT
"""Completions and man pages, as a shell and man use them: completion_test.py GOLDPAN bash|zsh|fish|man

Each case is what the user has typed and a part of what the shell must offer or fill in.  Exit code 77: the program is
not installed."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARE = os.path.join(SOURCE, "share")
# Each case: the typed text, the words that the shell must offer, the words that it must not offer.  A blank at the end
# of the typed text begins a new word.
CASES = (
    ("goldpan sco", {"score"}, {"pick"}),
    ("goldpan help sl", {"slices"}, {"score"}),
    ("goldpan mod", {"model"}, set()),
    ("goldpan model ", {"list", "get", "info"}, {"score"}),
    ("goldpan score --pre", {"--precision"}, {"--model"}),
    ("goldpan run --no-", {"--no-analysis", "--no-sheet"}, {"--no-find", "--no-map"}),
    ("goldpan score --precision b", {"bf16"}, {"fp32"}),
    ("goldpan pick --strategy category", {"category", "category-slices"}, {"prompt"}),
    ("goldpan slices --criterion lift", {"lift", "lift*support"}, {"support"}),
    ("goldpan generate --protocol com", {"comfyui", "command"}, {"a1111"}),
    ("goldpan score -m drawn", {"drawn-world-mini"}, {"table.csv"}),
    ("goldpan model info drawn", {"drawn-world-mini"}, {"table.csv"}),
    ("goldpan add --prompts ta", {"table.csv"}, {"images"}),
    ("goldpan status im", {"images"}, {"image.csv"}),
    ("goldpan status --catalog ", {"catalog.db", "images"}, {"table.csv"}),
    ("goldpan add im", {"images", "image.csv"}, {"table.csv"}),
)
BASH = '''source "$1"; line=$2
COMP_WORDS=($line); [[ $line == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_goldpan; printf '%s\\n' "${COMPREPLY[@]}"'''
# Runs zsh in a pseudo terminal.  Ctrl-T starts the completion.  A wrapper of compadd appends the offered words to the
# file $OUT.
ZSH = r'''zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; setopt rcquotes"
zpty -w z 'compadd() { builtin compadd "$@"; local -a found; builtin compadd -A found -D found "$@" 2>/dev/null;
  builtin compadd -O found "$@"; print -rl -- $found >> $OUT; }; zle -C all complete-word all; all() { _main_complete; }
  bindkey "^T" all; _start() { : }'
zpty -w z "export OUT=$3"
sleep 0.5
zpty -w -n z "$2"$'\C-T'
for i in {1..100}; do sleep 0.1; [[ -s $3 ]] && break; done
sleep 0.3
zpty -d z'''


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **more)


def offered(shell, typed, env, folder):
    if shell == "bash":
        done = run("bash", "--norc", "-c", BASH, "bash", SHARE + "/completions/goldpan.bash", typed, env=env, cwd=folder)
    elif shell == "fish":
        done = run("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", SHARE + "/completions/goldpan.fish",
                   typed, env=env, cwd=folder)
    else:
        with tempfile.TemporaryDirectory() as out:
            done = run("zsh", "-f", "-c", ZSH, "zsh", SHARE + "/completions", typed, out + "/found", env=env, cwd=folder)
            done.stdout = ""
            if os.path.exists(out + "/found"):
                with open(out + "/found", encoding="utf-8") as file:
                    done.stdout = file.read()
    assert not done.stderr.strip(), (typed, done.stderr)
    return {re.sub(r"[/=]$", "", line.split("\t")[0].replace("\\*", "*")) for line in done.stdout.split("\n") if line}


def check_shell(goldpan, shell):
    bad = 0
    with tempfile.TemporaryDirectory(prefix="goldpan-completion-") as folder:
        os.mkdir(folder + "/bin")
        os.mkdir(folder + "/images")
        os.symlink(os.path.abspath(goldpan), folder + "/bin/goldpan")
        for name in ("table.csv", "image.csv", "catalog.db"):
            open(os.path.join(folder, name), "w", encoding="utf-8").close()
        env = {"PATH": folder + "/bin:" + os.environ["PATH"], "HOME": folder, "TERM": "dumb", "LC_ALL": "C.UTF-8",
               "GOLDPAN_DATA": SOURCE}
        for typed, wanted, unwanted in CASES:
            got = offered(shell, typed, env, folder)
            if not wanted <= got or unwanted & got:
                print("%s: '%s': wanted %s without %s, got %s" % (shell, typed, sorted(wanted), sorted(unwanted), sorted(got)))
                bad += 1
    return bad


def check_man():
    bad = 0
    lint = shutil.which("mandoc")
    for path in sorted(glob.glob(SHARE + "/man/*.1")):
        if lint:
            said = run("mandoc", "-T", "lint", "-W", "style", path).stdout.split("\n")
            said = [line for line in said if line and "missing date" not in line]
        else:
            said = run("groff", "-man", "-Tutf8", "-ww", path).stderr.split("\n")
            said = [line for line in said if line]
        for line in said:
            print(line)
        bad += len(said)
    return bad


def main(goldpan, what):
    programs = ("mandoc", "groff") if what == "man" else (what,)
    if not any(map(shutil.which, programs)):
        print("skipped: %s is not installed" % " or ".join(programs))
        return 77
    return 1 if (check_man() if what == "man" else check_shell(goldpan, what)) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
