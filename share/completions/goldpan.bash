# Completion of goldpan for bash.
# Made by tools/options.py from the tables of options; `make options` writes it again

_goldpan_models() { goldpan model list 2>/dev/null | tail -n +2 | cut -f 1; }

# Prints the names of the options of a command.
_goldpan_options() {
    case $1 in
        generate)
            echo --backend --protocol --number --out --seed --no-seed --negative --width --height --steps --cfg \
            --sampler --scheduler --checkpoint --refiner --refiner-at --workflow --set --score --adaptive --min-gain \
            --jobs --tries --timeout --login --preview --prompt-column --catalog --model --revision --precision \
            --engine --fast-decode --long-prompt --max-pixels --threads --json --quiet --verbose --help ;;
        regenerate)
            echo --picks --flagged --backend --protocol --out --hires --width --height --steps --cfg --sampler \
            --scheduler --checkpoint --refiner --refiner-at --workflow --set --score --jobs --tries --timeout --login \
            --catalog --model --revision --precision --engine --fast-decode --long-prompt --max-pixels --threads \
            --json --quiet --verbose --help ;;
        run)
            echo --catalog --prompts --image-column --prompt-column --prompt-from --model --revision --precision \
            --engine --fast-decode --long-prompt --per-prompt --top --min-score --where --strategy --by \
            --top-per-category --top-per-slice --one-per-duplicate --diversity --balance --min-support --min-lift \
            --lift-factor --categories --category-column --new-map --no-analysis --sheet --force --no-sheet --thumb \
            --max-prompts --max-candidates --scorer --probe --keep-frames --guesses --retry-failed --max-pixels \
            --threads --batch --json --quiet --verbose --help ;;
        watch)
            echo --catalog --prompts --image-column --prompt-column --prompt-from --new-only --best --pick \
            --per-prompt --min-score --poll --until-idle --model --revision --precision --engine --fast-decode \
            --long-prompt --scorer --probe --keep-frames --guesses --retry-failed --max-pixels --threads --batch \
            --json --quiet --verbose --help ;;
        add)
            echo --catalog --prompts --image-column --prompt-column --embeddings --score-column --prompt-from \
            --max-pixels --threads --json --quiet --verbose --help ;;
        score)
            echo --catalog --model --revision --precision --engine --fast-decode --long-prompt --scorer --probe \
            --keep-frames --guesses --retry-failed --list-scorers --max-pixels --threads --batch --json --quiet \
            --verbose --help ;;
        slices)
            echo --profile --mode --min-support --min-lift --n-slices --criterion --reference --remove-outliers \
            --alpha --resamples --all --categories --category-column --new-map --no-map --no-duplicates --min-cosine \
            --seed --table --metric --feature --embedding --group --reduce --distance --show --catalog --model \
            --revision --precision --engine --fast-decode --long-prompt --threads --json --quiet --verbose --help ;;
        categories)
            echo --catalog --json --quiet --verbose --help ;;
        unpack)
            echo --into --image-column --json --quiet --verbose --help ;;
        words)
            echo --sort --top --min-support --scorer --seed --catalog --threads --json --quiet --verbose --help ;;
        duplicates)
            echo --catalog --json --quiet --verbose --help ;;
        pick)
            echo --per-prompt --top --min-score --where --strategy --by --top-per-category --top-per-slice \
            --one-per-duplicate --diversity --balance --min-support --min-lift --lift-factor --fuse --weights \
            --pareto --explain --why --null --scorer --catalog --model --revision --precision --engine --fast-decode \
            --long-prompt --json --quiet --verbose --help ;;
        explore)
            echo --catalog --port --readonly --backend --protocol --new-key --no-open --model --revision --precision \
            --engine --json --quiet --verbose --help ;;
        mark)
            echo --catalog --pick --reject --unmark --stars --tag --untag --json --quiet --verbose --help ;;
        'ratings read')
            echo --catalog --dry-run --replace --json --quiet --verbose --help ;;
        'ratings write')
            echo --catalog --dry-run --sidecar --embed --keep-time --replace --json --quiet --verbose --help ;;
        export)
            echo --catalog --copy --strip-metadata --hardlink --symlink --reflink --move --name --no-files --csv \
            --jsonl --imagefolder --format --embeddings --shard-size --all --stars --tag --list --mine --suggested \
            --site --site-images --threads --json --quiet --verbose --help ;;
        undo)
            echo --catalog --list --dry-run --json --quiet --verbose --help ;;
        sheet)
            echo --by --catalog --thumb --max-prompts --max-candidates --force --json --quiet --verbose --help ;;
        tour)
            echo --out --frames --seconds --n-slices --force --catalog --json --quiet --verbose --help ;;
        status)
            echo --catalog --failures --json --quiet --verbose --help ;;
        show)
            echo --explain --catalog --json --quiet --verbose --help ;;
        check)
            echo --catalog --json --quiet --verbose --help ;;
        rescue)
            echo --out --catalog --threads --max-pixels --json --quiet --verbose --help ;;
        'model list')
            echo --json --quiet --verbose --help ;;
        'model get')
            echo --revision --force --json --quiet --verbose --help ;;
        'model info')
            echo --model --revision --precision --engine --fast-decode --json --quiet --verbose --help ;;
        bench)
            echo --model --revision --precision --engine --max-pixels --threads --batch --sample --seconds --json \
            --quiet --verbose --help ;;
        embed)
            echo --images --texts --out --force --model --revision --precision --engine --fast-decode --long-prompt \
            --max-pixels --threads --batch --json --quiet --verbose --help ;;
        tokens)
            echo --model --json --quiet --verbose --help ;;
        neighbours)
            echo --vectors --metric --queries --neighbours --recall --out --force --threads --json --quiet --verbose \
            --help ;;
        cluster)
            echo --vectors --metric --method --level --clusters --min-cluster-size --min-samples --leaf \
            --allow-single --epsilon --out --force --threads --json --quiet --verbose --help ;;
        map)
            echo --vectors --metric --method --neighbours --min-dist --dims --seed --recall --out --force --threads \
            --json --quiet --verbose --help ;;
    esac
}

# Prints the kind of the value of an option: files, folders, catalogs, models, "words A B C" if the value is A, B or C, or
# none if there is no completion for the value. Prints nothing if the option has no value.
_goldpan_value() {
    case $1 in
        'generate --backend' | 'generate -b' | 'generate --number' | 'generate -n' | 'generate --seed' | \
        'generate --negative' | 'generate --width' | 'generate -W' | 'generate --height' | 'generate -H' | \
        'generate --steps' | 'generate --cfg' | 'generate --sampler' | 'generate --scheduler' | \
        'generate --checkpoint' | 'generate --refiner' | 'generate --refiner-at' | 'generate --set' | \
        'generate --min-gain' | 'generate --jobs' | 'generate --tries' | 'generate --timeout' | 'generate --login' | \
        'generate --prompt-column' | 'generate --revision' | 'generate --max-pixels' | 'generate --threads' | \
        'generate -j' | 'regenerate --backend' | 'regenerate -b' | 'regenerate --hires' | 'regenerate --width' | \
        'regenerate -W' | 'regenerate --height' | 'regenerate -H' | 'regenerate --steps' | 'regenerate --cfg' | \
        'regenerate --sampler' | 'regenerate --scheduler' | 'regenerate --checkpoint' | 'regenerate --refiner' | \
        'regenerate --refiner-at' | 'regenerate --set' | 'regenerate --jobs' | 'regenerate --tries' | \
        'regenerate --timeout' | 'regenerate --login' | 'regenerate --revision' | 'regenerate --max-pixels' | \
        'regenerate --threads' | 'regenerate -j' | 'run --image-column' | 'run --prompt-column' | \
        'run --prompt-from' | 'run --revision' | 'run --per-prompt' | 'run -k' | 'run --top' | 'run --min-score' | \
        'run --where' | 'run --top-per-category' | 'run --top-per-slice' | 'run --balance' | 'run --min-support' | \
        'run --min-lift' | 'run --lift-factor' | 'run --categories' | 'run --category-column' | 'run --thumb' | \
        'run --max-prompts' | 'run --max-candidates' | 'run --scorer' | 'run --probe' | 'run --max-pixels' | \
        'run --threads' | 'run -j' | 'run --batch' | 'watch --image-column' | 'watch --prompt-column' | \
        'watch --prompt-from' | 'watch --per-prompt' | 'watch -k' | 'watch --min-score' | 'watch --poll' | \
        'watch --until-idle' | 'watch --revision' | 'watch --scorer' | 'watch --probe' | 'watch --max-pixels' | \
        'watch --threads' | 'watch -j' | 'watch --batch' | 'add --image-column' | 'add --prompt-column' | \
        'add --score-column' | 'add --prompt-from' | 'add --max-pixels' | 'add --threads' | 'add -j' | \
        'score --revision' | 'score --scorer' | 'score --probe' | 'score --max-pixels' | 'score --threads' | \
        'score -j' | 'score --batch' | 'slices --min-support' | 'slices --min-lift' | 'slices --n-slices' | \
        'slices --alpha' | 'slices --resamples' | 'slices --categories' | 'slices --category-column' | \
        'slices --min-cosine' | 'slices --seed' | 'slices --metric' | 'slices --feature' | 'slices --embedding' | \
        'slices --group' | 'slices --revision' | 'slices --threads' | 'slices -j' | 'unpack --image-column' | \
        'words --top' | 'words --min-support' | 'words --seed' | 'words --threads' | 'words -j' | \
        'pick --per-prompt' | 'pick -k' | 'pick --top' | 'pick --min-score' | 'pick --where' | \
        'pick --top-per-category' | 'pick --top-per-slice' | 'pick --balance' | 'pick --min-support' | \
        'pick --min-lift' | 'pick --lift-factor' | 'pick --weights' | 'pick --revision' | 'explore --port' | \
        'explore -p' | 'explore --backend' | 'explore -b' | 'explore --revision' | 'mark --stars' | 'mark --tag' | \
        'mark --untag' | 'export --name' | 'export --shard-size' | 'export --stars' | 'export --tag' | \
        'export --threads' | 'export -j' | 'sheet --thumb' | 'sheet --max-prompts' | 'sheet --max-candidates' | \
        'tour --seconds' | 'tour --n-slices' | 'rescue --threads' | 'rescue -j' | 'rescue --max-pixels' | \
        'model get --revision' | 'model info --revision' | 'bench --revision' | 'bench --max-pixels' | \
        'bench --threads' | 'bench -j' | 'bench --batch' | 'bench --sample' | 'bench --seconds' | \
        'embed --revision' | 'embed --max-pixels' | 'embed --threads' | 'embed -j' | 'embed --batch' | \
        'neighbours --neighbours' | 'neighbours -k' | 'neighbours --recall' | 'neighbours --threads' | \
        'neighbours -j' | 'cluster --level' | 'cluster --clusters' | 'cluster --min-cluster-size' | \
        'cluster --min-samples' | 'cluster --epsilon' | 'cluster --threads' | 'cluster -j' | 'map --neighbours' | \
        'map -k' | 'map --min-dist' | 'map --dims' | 'map --seed' | 'map --recall' | 'map --threads' | 'map -j')
            echo none ;;
        'generate --protocol')
            echo "words a1111 comfyui sdcpp swarmui openai command" ;;
        'generate --out' | 'generate -o' | 'regenerate --out' | 'regenerate -o' | 'unpack --into' | \
        'export --site' | 'tour --frames')
            echo folders ;;
        'generate --workflow' | 'generate --preview' | 'regenerate --workflow' | 'run --prompts' | 'run --sheet' | \
        'watch --prompts' | 'add --prompts' | 'add --embeddings' | 'slices --table' | 'pick --why' | \
        'export --list' | 'tour --out' | 'tour -o' | 'rescue --out' | 'embed --images' | 'embed --texts' | \
        'embed --out' | 'embed -o' | 'neighbours --vectors' | 'neighbours --queries' | 'neighbours --out' | \
        'neighbours -o' | 'cluster --vectors' | 'cluster --out' | 'cluster -o' | 'map --vectors' | 'map --out' | \
        'map -o')
            echo files ;;
        'generate --catalog' | 'regenerate --catalog' | 'run --catalog' | 'watch --catalog' | 'add --catalog' | \
        'score --catalog' | 'slices --catalog' | 'categories --catalog' | 'words --catalog' | \
        'duplicates --catalog' | 'pick --catalog' | 'explore --catalog' | 'mark --catalog' | \
        'ratings read --catalog' | 'ratings write --catalog' | 'export --catalog' | 'undo --catalog' | \
        'sheet --catalog' | 'tour --catalog' | 'status --catalog' | 'show --catalog' | 'check --catalog' | \
        'rescue --catalog')
            echo catalogs ;;
        'generate --model' | 'generate -m' | 'regenerate --model' | 'regenerate -m' | 'run --model' | 'run -m' | \
        'watch --model' | 'watch -m' | 'score --model' | 'score -m' | 'slices --model' | 'slices -m' | \
        'words --scorer' | 'pick --scorer' | 'pick --model' | 'pick -m' | 'explore --model' | 'explore -m' | \
        'model info --model' | 'model info -m' | 'bench --model' | 'bench -m' | 'embed --model' | 'embed -m' | \
        'tokens --model' | 'tokens -m')
            echo models ;;
        'generate --precision' | 'regenerate --precision' | 'run --precision' | 'watch --precision' | \
        'score --precision' | 'slices --precision' | 'pick --precision' | 'explore --precision' | \
        'model info --precision' | 'bench --precision' | 'embed --precision')
            echo "words auto fp32 bf16 int8" ;;
        'generate --engine' | 'regenerate --engine' | 'run --engine' | 'watch --engine' | 'score --engine' | \
        'slices --engine' | 'pick --engine' | 'explore --engine' | 'model info --engine' | 'bench --engine' | \
        'embed --engine')
            echo "words auto plain onednn" ;;
        'generate --long-prompt' | 'regenerate --long-prompt' | 'run --long-prompt' | 'watch --long-prompt' | \
        'score --long-prompt' | 'slices --long-prompt' | 'pick --long-prompt' | 'embed --long-prompt')
            echo "words truncate chunks first-sentence" ;;
        'regenerate --protocol' | 'explore --protocol')
            echo "words a1111 comfyui sdcpp swarmui command" ;;
        'run --strategy' | 'pick --strategy')
            echo "words prompt slices category-slices category" ;;
        'run --by' | 'pick --by')
            echo "words score corrected z-category z-prompt percentile difficulty" ;;
        'run --diversity' | 'pick --diversity')
            echo "words none mmr facility" ;;
        'slices --profile')
            echo "words goldpan final article" ;;
        'slices --mode')
            echo "words high low" ;;
        'slices --criterion')
            echo "words lift support lift*support" ;;
        'slices --reference')
            echo "words overall parent" ;;
        'slices --distance')
            echo "words euclidean cosine" ;;
        'words --sort')
            echo "words effect support word" ;;
        'pick --fuse')
            echo "words auto off z rank" ;;
        'ratings write --sidecar')
            echo "words darktable adobe" ;;
        'export --format')
            echo "words csv jsonl json parquet imagefolder hf-parquet webdataset npy clip-retrieval fiftyone label-studio html" ;;
        'export --site-images')
            echo "words originals resized none" ;;
        'sheet --by')
            echo "words prompts slices categories" ;;
        'neighbours --metric' | 'cluster --metric' | 'map --metric')
            echo "words cosine euclidean" ;;
        'cluster --method')
            echo "words hnne hdbscan" ;;
        'map --method')
            echo "words umap pca hnne" ;;
    esac
}

# Prints the kind of the arguments of a command. Prints nothing if there is no completion for them.
_goldpan_argument() {
    case $1 in
        generate | run | add | unpack | mark | 'ratings read' | 'ratings write' | sheet | show | rescue | bench) echo files ;;
        regenerate | score | slices | categories | words | duplicates | pick | explore | export | tour | status) echo folders ;;
        check) echo catalogs ;;
        'model get' | 'model info') echo models ;;
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
        _goldpan_complete "words generate regenerate run watch add score slices categories unpack words duplicates pick explore mark export undo sheet tour status show check rescue bench embed tokens neighbours cluster map model help --version --help" "$word"
        [[ $first == 3 ]] && _goldpan_complete "words generate regenerate run watch add score slices categories unpack words duplicates pick explore mark export undo sheet tour status show check rescue bench embed tokens neighbours cluster map model" "$word"
        return
    fi
    if [[ $command == model ]]; then
        if ((COMP_CWORD == first)); then
            _goldpan_complete "words read write list get info" "$word"
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
