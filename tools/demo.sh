#!/bin/sh
# What `make demo` runs: the whole pipeline on the bundled sample with the bundled model, offline.  It prints the picks,
# how many of them are faithful by the sample's answer key, the slices, the near-duplicates, and where the contact sheet is.
set -eu
build=${1:-build}
root=$(cd "$(dirname "$0")/.." && pwd)
out=${GOLDPAN_DEMO:-$root/demo-out}
sample=$root/sample/drawn-world
goldpan=$build/src/cli/goldpan

rm -rf "$out"
mkdir -p "$out"
GOLDPAN_DATA=$root "$goldpan" run "$sample" --model drawn-world-mini --catalog "$out/catalog.db" --sheet "$out/sheet.jpg" --force >"$out/picks.tsv"

echo
echo "The best of each prompt (score, file, prompt):"
echo
awk -F '\t' -v root="$sample/" 'NR > 1 || $2 + 0 == $2 {
    file = $1; if (index(file, root) == 1) file = substr(file, length(root) + 1)
    printf "  %6.2f  %-32s  %s\n", $2, file, $3 }' "$out/picks.tsv"
echo
awk -v root="$sample/" '
    NR == FNR { split($0, cell, ","); if (FNR > 1) { flaw[cell[1]] = cell[4]; prompt[cell[1]] = cell[2]; if (cell[4] == "") possible[cell[2]] = 1 }; next }
    { split($0, cell, "\t"); file = cell[1]; if (index(file, root) == 1) file = substr(file, length(root) + 1)
      if (!(file in flaw) || !(prompt[file] in possible)) next
      picks++; if (flaw[file] == "") good++ }
    END { printf "For %d prompts at least one image shows what the prompt says; %d of their picks (%d %%) do.\n", picks, good, 100 * good / picks }
' "$sample/answers.csv" "$out/picks.tsv"
echo
echo "Where the generator did better than chance (goldpan slices):"
echo
GOLDPAN_DATA=$root "$goldpan" slices --catalog "$out/catalog.db" -q | sed 's/^/  /'
echo
echo "Near-duplicates, and which to keep (goldpan duplicates):"
echo
GOLDPAN_DATA=$root "$goldpan" duplicates --catalog "$out/catalog.db" -q | sed "s|$sample/||; s/^/  /"
echo
echo "Contact sheet:  $out/sheet.jpg"
echo "Catalog:        $out/catalog.db   (goldpan status --catalog $out/catalog.db)"
echo "See them all:   GOLDPAN_DATA=$root $goldpan explore --catalog $out/catalog.db"
echo "Your own:       $goldpan run DIR --model MODEL    (README.md tells how to get a model)"
