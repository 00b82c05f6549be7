"""A copy of the tree in which defects are made, and the tests that are to notice them."""
import contextlib
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
TREE = WORK / "tree"
BUILD = WORK / "build"
MOST_WRITTEN = 64 << 20  # bytes, into one file
JOBS = os.environ.get("ENGIN_JOBS", str(os.cpu_count()))

# What a layer's mutants are shown, in this order: (target, arguments). Seeds are fixed. What waits for real time comes
# last.
SIMULATION = ("simulation/engin_sim", ["--schedules", "40000", "--base", "1"])
THREADS = ("supervisor/engin_supervisor_test", ["--gtest_filter=ThreadsTest.*"])
PROCESS = ("process/engin_process_test", ["--gtest_filter=SupervisorProcessTest.*"])
CHECKS = {
    "policy": [("policy/engin_policy_test", []), SIMULATION],
    "runtime": [("lower_cut/engin_lower_sim", ["--schedules", "60000", "--base", "1"]), ("runtime/engin_runtime_test", []),
                SIMULATION, THREADS, PROCESS, ("stress/engin_stress_test", [])],
    "supervisor": [
        ("supervisor/engin_supervisor_test", ["--gtest_filter=-ThreadsTest.*"]),
        SIMULATION,
        THREADS,
        PROCESS,
    ],
}


def layer_of(file):
    return pathlib.PurePath(file).parts[1]


class Tree:
    def __init__(self):
        """Copies what git knows of, as it is in the work tree, and builds it as it is."""
        WORK.mkdir(parents=True, exist_ok=True)
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
        self.sound = {file: (ROOT / file).read_bytes() for file in listed.stdout.splitlines() if (ROOT / file).exists()}
        self.restore(self.sound)
        for path in list(TREE.rglob("*")):
            if path.is_file() and str(path.relative_to(TREE)) not in self.sound:
                path.unlink()
        linker = ["-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld"] if shutil.which("ld.lld") else []
        subprocess.run(
            ["cmake", "-G", "Ninja", "-S", TREE, "-B", BUILD, "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_BUILD_TYPE=",
             "-DCMAKE_CXX_FLAGS=-O1", "-DENGIN_BUILD_BENCHMARKS=OFF", "-DENGIN_BUILD_EXAMPLES=OFF", *linker],
            stdout=subprocess.DEVNULL, check=True)

    @staticmethod
    def _put(path, content):
        if path.exists() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def check_sound(self, layers):
        """The tests must pass without any defect; also measures how long they take."""
        self.usual = {}
        for layer in layers:
            if not self.build(layer):
                raise SystemExit(f"the tree does not build: cmake --build {BUILD}")
            for target, arguments in CHECKS[layer]:
                begin = time.monotonic()
                if not self._passes(target, arguments, 300):
                    raise SystemExit(f"without any mutant, this fails: {target} {' '.join(arguments)}")
                self.usual[(target, *arguments)] = time.monotonic() - begin

    def build(self, layer):
        targets = sorted({pathlib.PurePath(target).name for target, _ in CHECKS[layer]})
        return subprocess.run(["cmake", "--build", BUILD, "-j", JOBS, "--target", *targets], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def apply(self, patch):
        # Not a part of the repository that build/ is in.
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(WORK)}
        applied = subprocess.run(["git", "apply", str(patch)], cwd=TREE, env=environment, capture_output=True, text=True)
        return applied.stderr if applied.returncode else ""

    def write(self, file, text):
        (TREE / file).write_text(text)

    def restore(self, files):
        for file in files:
            self._put(TREE / file, self.sound[file])

    def killed_by(self, layer):
        """The first check that notices, or nothing."""
        for target, arguments in CHECKS[layer]:
            limit = max(20, 6 * self.usual[(target, *arguments)])
            if how := self._failure(target, arguments, limit):
                return how
        return None

    def _passes(self, target, arguments, limit):
        return self._failure(target, arguments, limit) is None

    @staticmethod
    def _failure(target, arguments, limit):
        name = pathlib.PurePath(target).name
        command = [BUILD / "test" / target, *arguments]
        if name.endswith("_test"):
            command += ["--gtest_fail_fast", "--gtest_brief=1"]
        log = WORK / "log"
        with log.open("w") as out, tempfile.TemporaryDirectory(dir=WORK) as scratch:
            process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                env=os.environ | {"TEST_TMPDIR": scratch + "/"},  # where GoogleTest puts what it captures
                # One that writes for ever fills no disk.
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN)))
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                return f"{name}: hangs"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with the children that tests have started
                process.wait()
        if status == 0:
            return None
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("[  FAILED  ]"):
                return f"{name}: {line[12:].split(',')[0].split(' (')[0].strip()}"
            if line.startswith("FAILED, seed"):
                return f"{name}: {line[8:]}"
            if line.startswith("engin: internal error"):
                return f"{name}: {line[7:]}"
        return f"{name}: status {status}"


def patched_files(patch):
    return [line[6:].strip() for line in pathlib.Path(patch).read_text().splitlines() if line.startswith("+++ b/")]
