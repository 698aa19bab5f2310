#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes man pages, shell completions and docs/options.md from the command's tables of options.  options.py GOLDPAN
[--check]

`goldpan --dump-options` prints the tables as JSON.  Without --check this writes share/man, share/completions and
docs/options.md.  The files are kept in the repository, because a build for another processor cannot run goldpan.  With
--check it writes nothing and fails if a file differs from the tables; `make test` does this."""
import json
import os
import re
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MADE = "Made by tools/options.py from the tables of options; `make options` writes it again"
# The kind of a value or an argument, by its name in the help.  Values of other names have no completion.
FILES = {"FILE", "FILE.npy", "X.npy", "Q.npy", "FILE.webp", "DIR|FILE...", "FILE...", "PROMPTS", "FILE.jpg|FILE.png"}
FOLDERS = {"DIR", "(DIR | --site DIR)"}
CATALOGS = {"FILE|DIR", "DIR|FILE.db"}
MODELS = {"NAME|DIR", "SCORER", "ORG/NAME"}


def one_line(text):
    return re.sub(r" +", " ", text)


def sentence(text, words=None):
    """Returns the help as a sentence.  A first word that is a value of the option keeps its case."""
    first = re.match(r"[\w-]*", text).group()
    literal = first in (words or "").split("|") or re.match(r"\w+(, \w+)*:", text)
    return (text if literal else text[0].upper() + text[1:]) + "."


def short(option):
    """Returns the first part of the help and the range, for a line of a completion."""
    return ", ".join(filter(None, (re.split(r"; | \(", option["help"])[0], option["range"])))


def kind_of(value, words=None):
    """Returns ("words", [...]), ("files", None), ("folders", None), ("catalogs", None), ("models", None) or ("none",
    None)."""
    if words:
        return "words", words.split("|")
    value = (value or "").strip("[]")
    for kind, names in (("files", FILES), ("folders", FOLDERS), ("catalogs", CATALOGS), ("models", MODELS)):
        if value in names:
            return kind, None
    return "none", None


def rules(option):
    """Returns the sentences about the values of an option and about the options that it needs."""
    said = []
    if option["range"]:
        said.append(option["range"][0].upper() + option["range"][1:] + ".")
    words = option["words"].split("|") if option["words"] and option["kind"] != "choice" else []
    if words and not all(word in option["help"] for word in words):
        said.append("One of %s or %s." % (", ".join(words[:-1]), words[-1]))
    if option["required"]:
        said.append("Required.")
    if option["needs"]:
        said.append("Needs %s." % option["needs_text"])
    if option["excludes"]:
        said.append("Not with %s." % option["excludes_text"])
    return " ".join(said)


def check_tables(commands):
    for c in commands:
        names = {o["name"]: o for o in c["options"]}
        former = [o["old"] for o in c["options"] if o["old"]]
        assert len(names) == len(c["options"]) and not set(former) & set(names), c["name"]
        for o in c["options"] + [{"name": "", "needs": c["needs"], "excludes": None}]:
            for item in ((o["needs"] or "").replace(";", " ") + " " + (o["excludes"] or "")).split():
                name, _, values = item.partition("=")
                known = name == "ARGUMENT" or name in names
                assert known, "%s --%s: the rule names an unknown option '%s'" % (c["name"], o["name"], name)
                for value in filter(None, values.split("|")):
                    assert value in names[name]["value"].split("|"), (c["name"], o["name"], value)


# ---------------------------------------------------------------- docs/options.md

def markdown(commands):
    out = ["# Options", "",
           "This page lists the options of every command. `goldpan help COMMAND` prints the same list with",
           "examples. The [rules for all commands](command.md) are on their own page.", "",
           "<!-- %s -->" % MADE, ""]
    for c in commands:
        out += ["## goldpan %s" % c["name"], "", one_line(c["summary"]) + ".", "", "```",
                ("goldpan %s [OPTION...] %s" % (c["name"], c["arguments"])).rstrip(), "```", "", "| option | meaning |", "|---|---|"]
        for o in c["options"]:
            if o["name"] in ("json", "quiet", "verbose", "help"):
                continue
            name = ("-%s, " % o["letter"] if o["letter"] else "") + "--" + o["name"] + (" " + o["value"] if o["value"] else "")
            text = " ".join(filter(None, (sentence(one_line(o["help"]), o["words"]), rules(o))))
            out.append("| `%s` | %s |" % (name.replace("|", "\\|"), re.sub(r"([|*<])", r"\\\1", text)))
        out.append("")
    out += ["## Every command", "", "| option | meaning |", "|---|---|"]
    for o in commands[0]["options"][-4:]:
        out.append("| `%s--%s` | %s |" % ("-%s, " % o["letter"] if o["letter"] else "", o["name"], sentence(o["help"])))
    return "\n".join(out) + "\n"


# ---------------------------------------------------------------- man pages

def roff(text):
    text = one_line(text).replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def folded(lines):
    """Wraps text lines at 78 columns; a line must not begin with a control character."""
    out = []
    for line in lines:
        if line.startswith((".", "'")) or len(line) <= 78:
            out.append(line)
        else:
            out += [re.sub(r"^([.'])", r"\\&\1", part) for part in
                    textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)]
    return out


def page(name, summary, body):
    head = ['.\\" %s' % MADE, '.TH %s 1 "" "goldpan" "User Commands"' % name.upper().replace("-", "\\-"), ".SH NAME",
            "%s \\- %s" % (name.replace("-", "\\-"), roff(summary[0].lower() + summary[1:]))]
    return "\n".join(head + body) + "\n"


def example_lines(lines):
    return [".SH EXAMPLES", ".nf"] + [roff(line) for line in lines] + [".fi"]


def exit_status(codes):
    return [".SH EXIT STATUS"] + [w for code, meaning in codes for w in (".TP", ".B %d" % code, roff(meaning))]


def paragraphs(text):
    """Returns the text with one sentence per line, as man pages are written."""
    out = []
    for i, part in enumerate(text.split("\n\n")):
        out += [".PP"] if i else []
        out += re.sub(r"(?<=[a-z)\]]\.) (?=[A-Z\\])", "\n", roff(part)).split("\n")
    return out


def command_page(c, names, exit_codes):
    body = [".SH SYNOPSIS", ".B goldpan %s" % roff(c["name"]), ("[\\fIOPTION\\fR...] %s" % roff(c["arguments"])).rstrip(),
            ".SH DESCRIPTION"]
    body += paragraphs(c["about"] or c["summary"] + ".") + [".SH OPTIONS"]
    for o in c["options"]:
        letter = "\\fB\\-%s\\fR, " % o["letter"] if o["letter"] else ""
        value = " \\fI%s\\fR" % roff(o["value"]) if o["value"] else ""
        body += [".TP", "%s\\fB\\-\\-%s\\fR%s" % (letter, roff(o["name"]), value), roff(sentence(o["help"], o["words"]))]
        if rules(o):
            body.append(roff(rules(o)))
    body = folded(body) + example_lines(c["examples"].split("\n")) + exit_status(exit_codes)
    family = [n for n in names if n != c["name"] and n.split()[0] == c["name"].split()[0]]
    also = ["\\fBgoldpan\\fR(1)"] + ["\\fBgoldpan\\-%s\\fR(1)" % roff(n.replace(" ", "-")) for n in family]
    return page("goldpan-" + c["name"].replace(" ", "-"), c["summary"], body + [".SH SEE ALSO", ", ".join(also)])


def main_page(tables):
    commands = tables["commands"]
    body = [".SH SYNOPSIS", ".B goldpan", "\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]", ".SH DESCRIPTION",
            roff(tables["about"]), "Each command has its own page:", ".BR goldpan\\-score (1)", "describes",
            ".BR \"goldpan score\" .", ".PP", roff(tables["catalog"]), ".SH COMMANDS"]
    for c in commands:
        body += [".TP", ".BR goldpan\\-%s (1)" % roff(c["name"].replace(" ", "-")), roff(c["summary"] + ".")]
    body = folded(body) + example_lines(tables["examples"].split("\n")) + [".SH ENVIRONMENT"]
    for name, meaning in (("GOLDPAN_MODEL", "The model of commands without --model."),
                          ("GOLDPAN_GENERATOR_KEY, OPENAI_API_KEY", "The key for the server of goldpan generate."),
                          ("GOLDPAN_GENERATOR_LOGIN", "USER:PASSWORD for the server of goldpan generate."),
                          ("HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE",
                           "The cache and the server of goldpan model get."),
                          ("NO_COLOR", "If it is not empty, messages have no colour.")):
        body += [".TP", ".B %s" % name, roff(meaning)]
    body += exit_status(tables["exit_codes"])
    return page("goldpan", "find the best of many generated images", body)


# ---------------------------------------------------------------- completions

def groups(commands):
    """Returns the options grouped by their kind of value: {(kind, words): ["score --precision", ...]}."""
    found = {}
    for c in commands:
        for o in c["options"]:
            if o["kind"] != "flag":
                kind, words = kind_of(o["value"], o["words"])
                names = ["%s --%s" % (c["name"], o["name"])] + (["%s -%s" % (c["name"], o["letter"])] if o["letter"] else [])
                found.setdefault((kind, " ".join(words or [])), []).extend(names)
    return found


def wrapped(names, indent):
    """Returns the words in lines of at most 118 columns."""
    lines, line = [], indent
    for i, name in enumerate(names):
        word = name + (" " if i + 1 < len(names) else "")
        if len(line) + len(word) > 118 and line.strip():
            lines.append(line.rstrip(" ") + " \\")
            line = indent
        line += word
    return "\n".join(lines + [line])


BASH = r'''# Completion of goldpan for bash.
# %(made)s

_goldpan_models() { goldpan model list 2>/dev/null | tail -n +2 | cut -f 1; }

# Prints the names of the options of a command.
_goldpan_options() {
    case $1 in
%(options)s
    esac
}

# Prints the kind of the value of an option: files, folders, catalogs, models, "words A B C" if the value is A, B or C, or
# none if there is no completion for the value. Prints nothing if the option has no value.
_goldpan_value() {
    case $1 in
%(values)s
    esac
}

# Prints the kind of the arguments of a command. Prints nothing if there is no completion for them.
_goldpan_argument() {
    case $1 in
%(arguments)s
    esac
}

_goldpan_complete() { # what the word is; the word
    local names=
    case $1 in
        words*) mapfile -t COMPREPLY < <(compgen -W "${1#words }" -- "$2") ;;
        models) mapfile -t COMPREPLY < <(compgen -W "$(_goldpan_models)" -- "$2"; compgen -d -- "$2") ;;
        files) mapfile -t COMPREPLY < <(compgen -f -- "$2"); names=1 ;;
        folders) mapfile -t COMPREPLY < <(compgen -d -- "$2"); names=1 ;;
        catalogs) mapfile -t COMPREPLY < <(compgen -d -- "$2"; compgen -f -X '!*.db' -- "$2"); names=1 ;;
    esac
    [[ ! $names ]] || compopt -o filenames 2>/dev/null
}

_goldpan() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} first=2 value
    COMPREPLY=()
    if [[ $command == help && COMP_CWORD -gt 1 ]]; then
        command=${COMP_WORDS[2]} first=3
    fi
    if ((COMP_CWORD < first)); then
        _goldpan_complete "words %(commands)s help --version --help" "$word"
        [[ $first == 3 ]] && _goldpan_complete "words %(commands)s" "$word"
        return
    fi
    if [[ $command == model ]]; then
        if ((COMP_CWORD == first)); then
            _goldpan_complete "words %(family)s" "$word"
            return
        fi
        command="model ${COMP_WORDS[first]}"
    fi
    [[ ${COMP_WORDS[1]} == help ]] && return
    # bash splits --name=value into three words
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    value=$(_goldpan_value "$command $before")
    if [[ $value ]]; then
        _goldpan_complete "$value" "$word"
    elif [[ $word == -* ]]; then
        _goldpan_complete "words $(_goldpan_options "$command")" "$word"
    else
        _goldpan_complete "$(_goldpan_argument "$command")" "$word"
    fi
}

complete -F _goldpan goldpan
'''


def bash(commands):
    options = []
    for c in commands:
        names = ["--" + o["name"] for o in c["options"]]
        options.append('        %s)\n%s ;;' % (quoted(c["name"]), wrapped(["echo"] + names, "            ")))
    values = []
    for (kind, words), names in groups(commands).items():
        said = '"words %s"' % words if kind == "words" else kind
        values.append("%s)\n            echo %s ;;" % (alternatives(names), said))
    arguments = {}
    for c in commands:
        kind, _ = kind_of(c["arguments"])
        if kind != "none":
            arguments.setdefault(kind, []).append(c["name"])
    lines = ["%s) echo %s ;;" % (alternatives(names), kind) for kind, names in arguments.items()]
    single = [c["name"] for c in commands if " " not in c["name"]] + ["model"]
    return BASH % {"made": MADE, "options": "\n".join(options), "values": "\n".join(values), "arguments": "\n".join(lines),
                   "commands": " ".join(single),
                   "family": " ".join(c["name"].split()[1] for c in commands if " " in c["name"])}


def quoted(text):
    return "'%s'" % text if " " in text else text


def alternatives(names):
    """Returns the patterns of a `case`, in lines of at most 118 columns."""
    lines, line = [], "       "
    for i, name in enumerate(names):
        word = " " + quoted(name) + (" |" if i + 1 < len(names) else "")
        if len(line) + len(word) > 116:
            lines.append(line + " \\")
            line = "       "
        line += word
    return "\n".join(lines + [line])


ZSH = r'''#compdef goldpan
# Completion of goldpan for zsh.
# %(made)s

_goldpan_models() {
    local -a models
    models=(${(f)"$(goldpan model list 2>/dev/null | tail -n +2 | cut -f 1)"})
    _alternative 'models:model:compadd -a models' 'folders:folder:_files -/'
}

_goldpan_commands() {
    local -a commands
    commands=(
%(commands)s
        'model:List, download and describe models'
        'help:Print the options of a command'
    )
    _describe command commands
}

_goldpan_model_commands() {
    local -a commands
    commands=(
%(family)s
    )
    _describe command commands
}

_goldpan() {
    local command=$words[2]
    if ((CURRENT == 2)); then
        _goldpan_commands
        return
    fi
    if [[ $command == help ]]; then
        shift words
        ((CURRENT--))
        if ((CURRENT == 2)); then _goldpan_commands; elif [[ $words[2] == model ]]; then _goldpan_model_commands; fi
        return
    fi
    shift words
    ((CURRENT--))
    if [[ $command == model ]]; then
        if ((CURRENT == 2)); then
            _goldpan_model_commands
            return
        fi
        command="model $words[2]"
        shift words
        ((CURRENT--))
    fi
    case $command in
%(cases)s
    esac
}

_goldpan "$@"
'''
ZSH_ACTIONS = {"files": "_files", "folders": "_files -/", "catalogs": "_files -g \"*.db(-.)\" -/", "models": "_goldpan_models",
               "none": ""}


def zsh_text(text):
    return re.sub(r"([\\\[\]:])", r"\\\1", text).replace("'", "'\\''")


def zsh(commands):
    cases = []
    for c in commands:
        specs = []
        for o in c["options"]:
            kind, words = kind_of(o["value"], o["words"])
            action = "(%s)" % " ".join(w.replace("*", "\\*") for w in words) if words else ZSH_ACTIONS[kind]
            value = "" if o["kind"] == "flag" else ":%s:%s" % (zsh_text((o["value"] if kind != "words" else o["name"])), action)
            text = "[%s]" % zsh_text(short(o))
            repeat = "*" if o["kind"] in ("texts", "list") else ""
            equals = "" if o["kind"] == "flag" else "="
            if o["letter"]:
                specs.append("'(-%s --%s)'{-%s%s,--%s%s}'%s%s'" % (
                    o["letter"], o["name"], o["letter"], "+" if equals else "", o["name"], equals, text, value))
            else:
                specs.append("'%s--%s%s%s%s'" % (repeat, o["name"], equals, text, value))
        kind, _ = kind_of(c["arguments"])
        if ZSH_ACTIONS[kind]:
            specs.append("'*:%s:%s'" % (zsh_text(c["arguments"].strip("[]")), ZSH_ACTIONS[kind]))
        cases.append("        %s)\n            _arguments -s -S \\\n                %s ;;" % (
            "'%s'" % c["name"], " \\\n                ".join(specs)))
    entry = lambda c, name: "        '%s:%s'" % (name, zsh_text(c["summary"]))
    return ZSH % {"made": MADE, "cases": "\n".join(cases),
                  "commands": "\n".join(entry(c, c["name"]) for c in commands if " " not in c["name"]),
                  "family": "\n".join(entry(c, c["name"].split()[1]) for c in commands if " " in c["name"])}


FISH = r'''# Completion of goldpan for fish.
# %(made)s

function __goldpan_models
    goldpan model list 2>/dev/null | tail -n +2 | cut -f 1
end

function __goldpan_catalogs
    for file in (commandline -ct)*.db
        echo $file
    end
    __fish_complete_directories (commandline -ct)
end

# The command on the line: "score", or "model get".
function __goldpan_command
    set -l words (commandline -opc)
    set -e words[1]
    if test (count $words) -gt 1; and test "$words[1]" = model
        echo "model $words[2]"
    else
        echo "$words[1]"
    end
end

function __goldpan_is
    test (__goldpan_command) = "$argv"
end

complete -c goldpan -f
complete -c goldpan -n '__goldpan_is ""' -l version -d 'Print the version'
complete -c goldpan -n '__goldpan_is ""' -a help -d 'Print the options of a command'
complete -c goldpan -n '__goldpan_is ""' -a model -d 'List, download and describe models'
'''
FISH_ACTIONS = {"files": "-r -F", "folders": "-x -a '(__fish_complete_directories)'", "catalogs": "-x -a '(__goldpan_catalogs)'",
                "models": "-x -a '(__goldpan_models) (__fish_complete_directories)'", "none": "-x"}


def fish_text(text):
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


def fish(commands):
    out = [FISH % {"made": MADE}]
    for c in commands:
        words = c["name"].split()
        begin = '""' if len(words) == 1 else words[0]
        out.append("complete -c goldpan -n '__goldpan_is %s' -a %s -d %s" % (begin, words[-1], fish_text(c["summary"])))
        if len(words) == 1:
            out.append("complete -c goldpan -n '__goldpan_is help' -a %s" % words[0])
        for o in c["options"]:
            kind, values = kind_of(o["value"], o["words"])
            action = "" if o["kind"] == "flag" else "-x -a %s" % fish_text(" ".join('"%s"' % v if "*" in v else v for v in values)) if values else FISH_ACTIONS[kind]
            out.append(" ".join(filter(None, (
                "complete -c goldpan -n '__goldpan_is %s' -l %s" % (c["name"], o["name"]),
                "-s " + o["letter"] if o["letter"] else "", action, "-d " + fish_text(short(o))))))
        kind, _ = kind_of(c["arguments"])
        if kind != "none":
            action = FISH_ACTIONS[kind].replace("-r ", "").replace("-x ", "")
            out.append("complete -c goldpan -n '__goldpan_is %s' %s" % (c["name"], action))
    return "\n".join(out) + "\n"


# ---------------------------------------------------------------- files

def made(goldpan):
    said = subprocess.run([goldpan, "--dump-options"], stdout=subprocess.PIPE, check=True, text=True).stdout
    tables = json.loads(said)
    commands = tables["commands"]
    check_tables(commands)
    names = [c["name"] for c in commands]
    files = {"docs/options.md": markdown(commands), "share/man/goldpan.1": main_page(tables),
             "share/completions/goldpan.bash": bash(commands), "share/completions/_goldpan": zsh(commands),
             "share/completions/goldpan.fish": fish(commands)}
    for c in commands:
        files["share/man/goldpan-%s.1" % c["name"].replace(" ", "-")] = command_page(c, names, tables["exit_codes"])
    return files


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(arguments):
    check = "--check" in arguments
    files = made(next(a for a in arguments if not a.startswith("--")))
    bad = [name for name, text in files.items() if read(os.path.join(ROOT, name)) != text]
    there = {"share/man/" + f for f in os.listdir(os.path.join(ROOT, "share", "man"))}
    extra = sorted(there - set(files))
    for name in bad:
        if not check:
            with open(os.path.join(ROOT, name), "w", encoding="utf-8") as file:
                file.write(files[name])
        print("%s: %s" % (name, "differs from the tables: run `make options`" if check else "written"))
    for name in extra:
        if not check:
            os.remove(os.path.join(ROOT, name))
        print("%s: %s" % (name, "belongs to no command: run `make options`" if check else "removed"))
    return 1 if check and (bad or extra) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
