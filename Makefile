# Everything runs in .venv, which `make install` makes from the pinned constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LISTENING := listening-tests/tacotron2-mushra
PARETO := fastspeech2-unstructured fastspeech2-heads fastspeech2-channels \
	tacotron2-unstructured tacotron2-channels tacotron2-units

.DEFAULT_GOAL := help
.PHONY: help all tacotron2 fastspeech2 small smallest quantize low-rank reconstruct chain search heads channels units unstructured pareto report listen install test check bench voices clean

help:  ## list the targets
	@grep -hE '^[a-z0-9_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

all: tacotron2 fastspeech2  ## prune single weights of both embedded voices (minutes)

tacotron2: $(INSTALLED)  ## sweep the Tacotron2 voice, results in runs/
	$(BIN)/tts-compress run recipes/tacotron2/magnitude.yaml --out runs

fastspeech2: $(INSTALLED)  ## sweep the FastSpeech2 voice, results in runs/
	$(BIN)/tts-compress run recipes/fastspeech2/attention.yaml recipes/fastspeech2/magnitude.yaml --out runs

heads: $(INSTALLED)  ## take heads out of FastSpeech2: bare, recalibrated, fine-tuned
	$(BIN)/tts-compress run recipes/fastspeech2/heads.yaml --out runs

channels: $(INSTALLED)  ## take channels out of both voices, likewise
	$(BIN)/tts-compress run recipes/*/channels.yaml --out runs

units: $(INSTALLED)  ## take LSTM units out of Tacotron2, likewise
	$(BIN)/tts-compress run recipes/tacotron2/units.yaml --out runs

unstructured: $(INSTALLED)  ## prune single weights of both voices, likewise
	$(BIN)/tts-compress run recipes/*/unstructured.yaml --out runs

small: $(INSTALLED)  ## files 17 to 45 times smaller, without training: each weight by what it costs
	$(BIN)/tts-compress run recipes/*/rate-aware.yaml --out runs

smallest: $(INSTALLED)  ## half of the units, trained on, and then the same: files 25 to 65 times smaller
	$(BIN)/tts-compress run recipes/*/smallest.yaml --out runs

quantize: $(INSTALLED)  ## the other ways to quantize: two bytes, even steps, tables, binary codes, error feedback
	$(BIN)/tts-compress run $(wildcard $(foreach name,narrow uniform codebook multibit rounding,recipes/*/$(name).yaml)) --out runs

low-rank: $(INSTALLED)  ## layers as two thinner ones, plain and calibrated
	$(BIN)/tts-compress run recipes/*/low-rank.yaml --out runs

reconstruct: $(INSTALLED)  ## prune half and more of the weights, by magnitude and by Wanda, and fit what is left
	$(BIN)/tts-compress run recipes/*/reconstruct.yaml recipes/*/wanda.yaml --out runs

chain: $(INSTALLED)  ## all of it: prune, thinner layers, fine-tune, quantize
	$(BIN)/tts-compress run recipes/*/chain.yaml --out runs

search: $(INSTALLED)  ## meet a budget of bytes: writes a recipe, and runs it
	$(BIN)/tts-compress run recipes/*/search.yaml --out runs

pareto: heads channels units unstructured  ## heads, channels, units and single weights in one table (more than an hour)
	$(BIN)/tts-compress pareto $(foreach name,$(PARETO),runs/$(name)) --out runs/pareto

report: $(INSTALLED)  ## a page of all results in runs/ to look at and listen to, report/index.html
	$(BIN)/tts-compress report runs -o report

listen: $(LISTENING)  ## run a listening test of the Tacotron2 sweep (Ctrl-C ends it)
	$(BIN)/tts-compress listen serve $(LISTENING) --links 3

$(LISTENING): | $(INSTALLED)
	$(BIN)/tts-compress listen build recipes/listening/mushra.yaml --runs runs --out $@

install: $(INSTALLED)  ## make .venv with the pinned dependencies

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt 'setuptools>=77' wheel
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[asr,dev,listen,mlflow,mos,report,train]'
	touch $@

test: $(INSTALLED)  ## run the tests
	$(BIN)/pytest --quiet -n 3 --dist worksteal

check: $(INSTALLED)  ## format check, lint and strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## the sweep against a plain script, memory, and speed of what was compressed
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/structured.py
	$(BIN)/python benchmarks/low_rank.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/keep.py

voices: $(INSTALLED)  ## make the corpus and train both embedded voices again (hours; needs flite and wordnet-base)
	$(BIN)/tts-compress corpus corpora/slt
	$(BIN)/tts-compress train fastspeech2 corpora/slt --steps 4000 -o trainings/fastspeech2-slt --voice models/fastspeech2-slt
	$(BIN)/tts-compress train tacotron2 corpora/slt --steps 3200 -o trainings/tacotron2-slt --voice models/tacotron2-slt

clean:  ## remove .venv, runs and report
	rm -rf $(VENV) runs report
