# The KSK appliance. `make help` lists what can be made; README.md says what
# for. Non-recursive: one program = one folder, one library = one folder.

VERSION   ?= 0.1.0
# When this version was made, 2026-11-01: no clock that says less is right.
RELEASED  := 1793491200
CC        ?= cc
CLANG     ?= clang
PYTHON    ?= /usr/bin/python3
JOBS      ?= $(shell nproc)
PREFIX    ?= /usr
DESTDIR   ?=
SYSCONFDIR ?= /etc
LIBEXECDIR ?= $(PREFIX)/libexec/ksk
MANDIR    ?= $(PREFIX)/share/man
DOCDIR    ?= $(PREFIX)/share/doc/ksk
UNITDIR   ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
# SAN=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer.
SAN       ?=
BUILD     ?= build$(if $(SAN),/asan)
V         ?=
Q         := $(if $(V),,@)

# ---- packages (Debian 12) ----
DEPS_BUILD := build-essential pkg-config libssl-dev libp11-dev libp11-kit-dev \
	libldns-dev libcbor-dev libcyaml-dev libyaml-dev libsqlite3-dev \
	libevent-dev libseccomp-dev libcap-dev libjansson-dev
DEPS_RUN   := softhsm2 openssl
DEPS_TEST  := libcmocka-dev clang clang-format python3 python3-cbor2 opensc \
	p11-kit bind9-utils bind9-dnsutils bind9 knot knot-dnssecutils \
	ldnsutils unbound mandoc util-linux procps strace gdb swtpm tpm2-tools \
	libtpm2-pkcs11-1 libtss2-tcti-swtpm0 p11-kit-modules systemd \
	pdns-server pdns-backend-sqlite3 nsd dnsviz python3-dnspython \
	libengine-pkcs11-openssl curl jq
DEPS_DEMO  := $(DEPS_BUILD) $(DEPS_RUN) bind9-utils bind9-dnsutils \
	knot python3 util-linux procps

# ---- flags ----
WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wcast-qual \
	-Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wundef -Wvla \
	-Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings
STRICT := -Wconversion -Wsign-conversion
HARDEN := -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
comma := ,
SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -DKSK_SANITIZED)
P11_CFLAGS = $(shell pkg-config --cflags p11-kit-1)
CPPFLAGS += -I. -D_GNU_SOURCE -DKSK_VERSION='"$(VERSION)"' \
	-DKSK_RELEASED=UINT64_C\($(RELEASED)\) \
	-DKSK_SYSCONFDIR='"$(SYSCONFDIR)/ksk"'
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 $(CFLAGS) $(WARN) $(HARDEN) $(SANITIZE)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	$(SANITIZE) $(LDFLAGS)
# A sanitized C program that loads a C++ module must carry the C++ runtime, or
# the module's exceptions abort it.
MODULE_LDFLAGS = -Wl,-rpath-link,. $(if $(SAN),-Wl$(comma)--no-as-needed -lstdc++)

# ---- what there is ----
PROTOCOL := $(wildcard protocol/*.c)
BASE     := $(wildcard appliance/base/*.c)
POLICY   := $(filter-out appliance/policy/main.c,$(wildcard appliance/policy/*.c))
HSM      := $(filter-out hsm/main.c,$(wildcard hsm/*.c))
LIBS     := protocol base policy hsm
PROGRAMS := kskd kskd-frontend kskd-signer kskd-policy kskd-token kskadm kskctl

SRC_kskd          := $(wildcard appliance/supervisor/*.c)
SRC_kskd-frontend := $(wildcard appliance/frontend/*.c)
SRC_kskd-signer   := $(wildcard appliance/signer/*.c)
SRC_kskd-policy   := appliance/policy/main.c
SRC_kskd-token    := hsm/main.c
SRC_kskadm        := $(wildcard appliance/admin/*.c)
SRC_kskctl        := $(wildcard client/*.c)

USE_kskd          := base protocol
USE_kskd-frontend := base protocol
USE_kskd-signer   := policy base protocol
USE_kskd-policy   := policy base protocol
USE_kskd-token    := hsm base protocol
USE_kskadm        := hsm policy base protocol
USE_kskctl        := policy base protocol

EXT_kskd          := -lcyaml -lyaml -lseccomp -lcap -lcrypto
EXT_kskd-frontend := -levent_openssl -levent_core -lssl -lcrypto -lseccomp -lcap
EXT_kskd-signer   := -lsqlite3 -lcbor -lcrypto -lseccomp -lcap
EXT_kskd-policy   := -lcyaml -lyaml -lcrypto -lseccomp -lcap
EXT_kskd-token    := -lp11 -lp11-kit -lcrypto -lseccomp -lcap
EXT_kskadm        := -lp11 -lp11-kit -lcyaml -lyaml -lsqlite3 -lcbor -lcrypto -lseccomp -lcap
EXT_kskctl        := -lldns -lcyaml -lyaml -lcbor -ljansson -lssl -lcrypto

UNIT  := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
MAN   := $(wildcard appliance/*.[0-9] client/*.[0-9])

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SOURCES := $(PROTOCOL) $(BASE) $(POLICY) $(HSM) \
	$(foreach p,$(PROGRAMS),$(SRC_$(p)))
CHECKED := $(wildcard protocol/*.[ch] appliance/*/*.[ch] hsm/*.[ch] \
	client/*.[ch] tests/*/*.[ch])

# Objects of tests are kept: they are built once.
.SECONDARY:

# ---- the two commands ----
.PHONY: all demo check check-asan deps deps-demo deps-test install lint \
	format format-check clean help unit scripts fuzz soak bench providers test-binaries

all: $(addprefix $(BUILD)/,$(PROGRAMS)) ## build the programs into build/

demo: deps-demo ## build, make a throw-away token, sign a real RRset, have others verify it
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)tests/demo.sh "$(BUILD)"

check: deps-test ## whole test suite; ends in "N passed, N failed"
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all test-binaries
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) SAN=1 all test-binaries
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(PYTHON) tests/run.py --build build --sanitized build/asan

check-asan: deps-test ## only the sanitized half of the suite
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) SAN=1 all test-binaries
	$(Q)$(PYTHON) tests/run.py --sanitized build/asan

# ---- packages ----
deps: deps-test ## install the Debian packages that are missing, or name them
deps-demo:
	$(Q)tests/deps.sh $(DEPS_DEMO)
deps-test:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST)

# ---- building ----
$(BUILD)/obj/hsm/%.o $(BUILD)/obj/appliance/admin/%.o \
$(BUILD)/obj/tests/%.o: CPPFLAGS += $(P11_CFLAGS)
$(BUILD)/obj/tests/%.o: STRICT :=

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(STRICT) -MMD -MP -c -o $@ $<

define library
$(BUILD)/lib$(1).a: $(call obj,$(2))
	$$(if $$(V),,@echo "  AR    $$@")
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call library,protocol,$(PROTOCOL)))
$(eval $(call library,base,$(BASE)))
$(eval $(call library,policy,$(POLICY)))
$(eval $(call library,hsm,$(HSM)))

define program
$(BUILD)/$(1): $(call obj,$(SRC_$(1))) $(USE_$(1):%=$(BUILD)/lib%.a)
	$$(if $$(V),,@echo "  LD    $$@")
	$(Q)$(CC) -o $$@ $(call obj,$(SRC_$(1))) \
		$(USE_$(1):%=$(BUILD)/lib%.a) \
		$$(if $(filter hsm,$(USE_$(1))),$$(MODULE_LDFLAGS)) \
		$$(ALL_LDFLAGS) $(EXT_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# ---- tests ----
# Programs whose sandbox is tried from inside: the same objects, with the test
# form of ksk_probe in place of the product's.
PROBED := kskd-frontend kskd-signer kskd-policy kskd-token
define probed
$(BUILD)/tests/probe/$(1): $(call obj,$(SRC_$(1)) tests/probe_test.c) \
		$(USE_$(1):%=$(BUILD)/lib%.a)
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LD    $$@")
	$(Q)$(CC) -o $$@ $(call obj,$(SRC_$(1)) tests/probe_test.c) \
		$(USE_$(1):%=$(BUILD)/lib%.a) \
		$$(if $(filter hsm,$(USE_$(1))),$$(MODULE_LDFLAGS)) \
		$$(ALL_LDFLAGS) $(EXT_$(1))
endef
$(foreach p,$(PROBED),$(eval $(call probed,$(p))))

UNIT_EXT := -lcmocka -lp11 -lp11-kit -lldns -lcyaml -lyaml -lsqlite3 -lcbor \
	-ljansson -levent_core -lssl -lcrypto -lseccomp -lcap
# Unit tests may reach into the signer and the client: all but their main.c.
UNIT_OBJ := $(call obj,$(filter-out %/main.c,$(SRC_kskd-signer) $(SRC_kskctl)))
$(BUILD)/libunder.a: $(UNIT_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libunder.a \
		$(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $< $(BUILD)/libunder.a $(BUILD)/libhsm.a \
		$(BUILD)/libpolicy.a $(BUILD)/libbase.a \
		$(BUILD)/libprotocol.a $(MODULE_LDFLAGS) $(ALL_LDFLAGS) \
		$(UNIT_EXT)

# It counts the answers that rules look at.
$(BUILD)/tests/unit/test_rules_cost: ALL_LDFLAGS += -Wl,--wrap=ksk_walk_next

# Every fuzz entry is replayed over its corpus by a plain main in `make check`.
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o \
		$(BUILD)/obj/tests/replay.o $(BUILD)/libunder.a \
		$(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $< $(BUILD)/obj/tests/replay.o $(BUILD)/libunder.a \
		$(BUILD)/libhsm.a $(BUILD)/libpolicy.a $(BUILD)/libbase.a \
		$(BUILD)/libprotocol.a $(ALL_LDFLAGS) $(UNIT_EXT)

# The PKCS#11 module of the tests, tests/fault/fault.h. It is loaded into any
# program, sanitized or not (pkcs11-tool too), so it never is sanitized.
FAULT := $(BUILD)/tests/fault/libkskfault.so
$(BUILD)/obj/pic/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(P11_CFLAGS) -std=c11 $(CFLAGS) $(WARN) $(STRICT) \
		$(filter-out -fPIE,$(HARDEN)) -fPIC -fvisibility=hidden \
		-MMD -MP -c -o $@ $<

$(FAULT): $(patsubst %.c,$(BUILD)/obj/pic/%.o,$(wildcard tests/fault/*.c))
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -shared -o $@ $^ -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs \
		-Wl,-Bsymbolic $(LDFLAGS)

# Programs with a clock that a test moves, tests/clock_file.c. kskd's is what a
# policy is compiled by.
TESTCLOCK := $(addprefix $(BUILD)/testclock/,kskd kskd-signer)
define testclock
$(BUILD)/testclock/$(1): $(call obj,$(SRC_$(1)) tests/clock_file.c) \
		$(USE_$(1):%=$(BUILD)/lib%.a)
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LD    $$@")
	$(Q)$(CC) -o $$@ $$^ $$(ALL_LDFLAGS) $(EXT_$(1))
endef
$(foreach p,kskd kskd-signer,$(eval $(call testclock,$(p))))

# The signer with tests/crash/shim.c between it and the kernel, and what opens
# the journals that its ends leave. Neither is sanitized: the kernel's calls
# are not the sanitizer's to see.
CRASH := $(BUILD)/tests/crash/kskd-signer $(BUILD)/tests/crash/reopen
SHIMMED := open open64 pwrite64 ftruncate ftruncate64 fallocate fstatfs \
	fdatasync fsync unlink sendmsg
$(BUILD)/tests/crash/kskd-signer: \
		$(call obj,$(SRC_kskd-signer) tests/crash/shim.c) \
		$(USE_kskd-signer:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) \
		$(SHIMMED:%=-Wl$(comma)--export-dynamic-symbol=%) \
		$(EXT_kskd-signer)
$(BUILD)/tests/crash/reopen: $(BUILD)/obj/tests/crash/reopen.o \
		$(BUILD)/libunder.a $(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $< $(BUILD)/libunder.a $(BUILD)/libpolicy.a \
		$(BUILD)/libbase.a $(BUILD)/libprotocol.a $(ALL_LDFLAGS) \
		$(UNIT_EXT)

# The product's rules for the model, tests/model/judge.c.
MODEL := $(BUILD)/tests/model/judge
$(MODEL): $(call obj,tests/model/judge.c tests/model/history_now.c) \
		$(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $(filter %.o,$^) $(BUILD)/libpolicy.a $(BUILD)/libbase.a \
		$(BUILD)/libprotocol.a $(ALL_LDFLAGS) $(EXT_kskd-policy)

# The product's word on documents that operators sign.
APPROVALS := $(BUILD)/tests/model/approvals
$(APPROVALS): $(call obj,tests/model/approvals.c) $(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $(filter %.o,$^) $(BUILD)/libpolicy.a $(BUILD)/libbase.a \
		$(BUILD)/libprotocol.a $(ALL_LDFLAGS) $(EXT_kskd-policy)

test-binaries: $(MODEL) $(APPROVALS) $(TESTCLOCK) $(if $(SAN),,$(CRASH)) $(UNIT:%=$(BUILD)/tests/unit/%) $(FUZZ:%=$(BUILD)/tests/fuzz/%) \
	$(PROBED:%=$(BUILD)/tests/probe/%) $(FAULT)

# Programs of the benchmark: bench_<name>.c each, the rest is shared.
BENCH := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
BENCH_OBJ := $(call obj,$(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c)))
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(BENCH_OBJ) \
		$(LIBS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) -o $@ $< $(BENCH_OBJ) $(BUILD)/libhsm.a $(BUILD)/libbase.a \
		$(BUILD)/libprotocol.a $(MODULE_LDFLAGS) $(ALL_LDFLAGS) \
		-lp11 -lp11-kit -lsqlite3 -lcbor -lssl -lcrypto

bench: deps-test ## what it costs: token, commits, whole appliance side by side
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(FAULT) \
		$(BENCH:%=$(BUILD)/tests/bench/%)
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/bench/bench.py
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/bench/journal.py

PROBES ?= 5000
providers: deps-test ## every roll with the providers' own software, PROBES= validated queries
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/providers/test_providers.py
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/providers/test_sync.py
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/providers/test_sync_many.py
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/providers/test_check.py
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/providers/test_adapters.py
	$(Q)KSK_BUILD="$(BUILD)" KSK_PROBES=$(PROBES) \
		$(PYTHON) tests/providers/stories.py

FAULTS ?= 1000
SIGNATURES ?= 100000
RESTARTS ?= 1000
KILLS ?= 10000
CUTS ?= 5000
HISTORIES ?= 20000
APPROVAL_HISTORIES ?= 10000
ZONES ?= 100000
RECORDS ?= 1000000
SEED ?=
soak: deps-test ## FAULTS= of the token, SIGNATURES=, worker RESTARTS=, KILLS= of the signer, power CUTS=, HISTORIES= and APPROVAL_HISTORIES= judged twice, a policy of ZONES=, RECORDS= of a journal damaged and pruned
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(FAULT) $(CRASH) $(MODEL) $(APPROVALS) $(TESTCLOCK) \
		$(BUILD)/tests/bench/bench_journal
	$(Q)KSK_BUILD="$(BUILD)" $(PYTHON) tests/soak/soak.py \
		--faults $(FAULTS) --signatures $(SIGNATURES) \
		--restarts $(RESTARTS) --kills $(KILLS) --cuts $(CUTS) \
		--histories $(HISTORIES) --approvals $(APPROVAL_HISTORIES) \
		--zones $(ZONES) --records $(RECORDS) --seed "$(SEED)"

FUZZ_SECONDS ?= 300
fuzz: deps-test ## run every fuzz target FUZZ_SECONDS= long with libFuzzer
	$(Q)tests/fuzz/run.sh "$(CLANG)" "$(FUZZ_SECONDS)" "$(P11_CFLAGS)"

lint: ## compile everything with clang too, check layout and man pages
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) CC="$(CLANG)" BUILD=build/clang all test-binaries
	$(Q)$(MAKE) --no-print-directory format-check
	$(Q)$(if $(MAN),mandoc -T lint -W warning $(MAN))

format: ## let clang-format change what it would change
	$(Q)clang-format -i $(CHECKED)

format-check: ## say which files clang-format would change
	$(Q)clang-format --dry-run -Werror $(CHECKED)

# ---- installing ----
install: all ## put everything in place under DESTDIR
	$(Q)tests/install.sh "$(BUILD)" "$(DESTDIR)" "$(PREFIX)" \
		"$(SYSCONFDIR)" "$(LIBEXECDIR)" "$(MANDIR)" "$(DOCDIR)" \
		"$(UNITDIR)" "$(SYSUSERSDIR)"

clean: ## remove all that was built
	$(Q)rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null | sed 's/ /\\ /g')
