"""models/get against a small imitation of the Hugging Face hub on this machine.

The imitation does what the hub does: it redirects config.json to another path of its own,
gives small files with git's checksum as ETag, and sends the weights from another host, with
X-Linked-Etag and X-Linked-Size in the redirect.
"""

import hashlib
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "models" / "get"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GPT2_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
WEIGHTS = "model.safetensors"
CONTENT = {
    "config.json": b'{ "model_type": "gpt2" }\n',
    "vocab.json": b'{ "a": 0 }\n',
    "merges.txt": b"#version: 0.2\n",
    WEIGHTS: random.Random(1).randbytes(300000),
}


def skip(test, why):
    """Skips, and says so even where unittest shows only the number of skipped tests."""
    print(f"SKIP: {test.id()}: {why}", file=sys.stderr)
    test.skipTest(why)


def git_checksum(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """The hub, and under /cdn/ the other host.  What goes wrong is in self.server.trouble."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        server, name = self.server, self.path.rpartition("/")[2]
        server.log.append((self.command, self.path, self.headers.get("Range"),
                           self.headers.get("Authorization")))
        status = server.trouble.get("status", {}).get(name)
        if status and not self.path.startswith("/cdn/"):
            self.reply(status, {})
        elif self.path.startswith("/cdn/"):
            self.send_file(server.files[name])
        elif "/api/" in self.path:
            self.send_file(server.files[name], git_checksum(CONTENT[name]))
        elif name == "config.json":
            self.reply(307, {"Location": "/api/resolve-cache/models/x/" + name,
                             "X-Repo-Commit": COMMIT})
        elif name == WEIGHTS:
            linked = {"X-Linked-Etag": f'"{hashlib.sha256(CONTENT[name]).hexdigest()}"',
                      "X-Linked-Size": str(len(CONTENT[name]))}
            linked.update(server.trouble.get("linked", {}))
            self.reply(302, {"Location": server.elsewhere + name, "X-Repo-Commit": COMMIT,
                             **{k: v for k, v in linked.items() if v}})
        else:
            self.send_file(server.files[name], git_checksum(CONTENT[name]))

    def reply(self, status, headers, body=b"not a file"):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.send_body(body)

    def send_file(self, data, etag=None):
        wanted = self.headers.get("Range")
        headers = {"ETag": f'"{etag}"'} if etag else {}
        if not wanted or "no ranges" in self.server.trouble:
            self.reply(200, headers, data)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.reply(206 if start < len(data) else 416, headers, data[start:])

    def send_body(self, body):
        """All of it; or, for the weights, as much as trouble["drops"] says (once for each)."""
        drops = self.server.trouble.get("drops", [])
        if not (self.path.startswith("/cdn/") and drops):
            self.wfile.write(body)
            return
        self.wfile.write(body[:drops.pop(0)])
        self.wfile.flush()
        self.server.dropped.set()
        if "stall" in self.server.trouble:
            self.server.go_on.wait(30)
        self.close_connection = True


class TestModelsGet(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="models-get-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.dir = self.folder / "distilgpt2"
        self.partial = self.folder / "distilgpt2.partial"
        self.hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        self.hub.daemon_threads = True
        self.hub.log, self.hub.trouble, self.hub.files = [], {}, dict(CONTENT)
        self.hub.dropped, self.hub.go_on = threading.Event(), threading.Event()
        port = self.hub.server_address[1]
        self.hub.elsewhere = f"http://localhost:{port}/cdn/"
        self.endpoint = f"http://127.0.0.1:{port}"
        threading.Thread(target=self.hub.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)
        self.addCleanup(self.hub.go_on.set)

    def environment(self, **more):
        drop = ("HF_ENDPOINT", "HF_TOKEN", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
        kept = {k: v for k, v in os.environ.items() if k not in drop}
        return {**kept, "HF_ENDPOINT": self.endpoint, **more}

    def get(self, *arguments, env=None, **options):
        arguments = arguments or ("distilgpt2", str(self.dir))
        return subprocess.run([str(SCRIPT), *arguments], env=self.environment(**(env or {})),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120, **options)

    def check_complete(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(CONTENT))
        for name, data in CONTENT.items():
            self.assertEqual((self.dir / name).read_bytes(), data, name)
        self.assertFalse(self.partial.exists())

    def check_failed(self, done, *texts):
        """Status 1, one line that says what is wrong, and nothing under the final name."""
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "")
        message = done.stderr.splitlines()[-1]
        self.assertTrue(message.startswith("models/get: "), done.stderr)
        others = [line for line in done.stderr.splitlines() if line.startswith(("models/", "curl"))]
        self.assertEqual(others, [message])
        for text in texts:
            self.assertIn(text, message)
        self.assertFalse(self.dir.exists())

    def weights_requests(self):
        return [(method, range_) for method, path, range_, _ in self.hub.log
                if path.startswith("/cdn/")]

    def write_part(self, data):
        self.partial.mkdir()
        (self.partial / f"{WEIGHTS}.part").write_bytes(data)

    # ---- it works

    def test_downloads_all_files(self):
        self.check_complete(self.get())
        paths = [path for _, path, _, _ in self.hub.log]
        self.assertEqual(paths[0], "/distilbert/distilgpt2/resolve/main/config.json")
        # All others come from the revision that the first one had.
        self.assertIn(f"/distilbert/distilgpt2/resolve/{COMMIT}/{WEIGHTS}", paths)

    def test_every_name_has_its_repository(self):
        self.hub.trouble["status"] = {"config.json": 404}
        for name, repository in (("gpt2-medium", "openai-community/gpt2-medium/resolve/main"),
                                 ("gpt2-large", "openai-community/gpt2-large/resolve/main"),
                                 ("gpt2-xl", "openai-community/gpt2-xl/resolve/main"),
                                 ("gpt2", f"openai-community/gpt2/resolve/{GPT2_REVISION}")):
            self.get(name, str(self.dir))
            self.assertEqual(self.hub.log[-1][1], f"/{repository}/config.json")

    def test_goes_on_where_a_part_ends(self):
        self.write_part(CONTENT[WEIGHTS][:123456])
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests(), [("GET", "bytes=123456-")])

    def test_does_not_ask_for_a_part_that_is_whole(self):
        self.write_part(CONTENT[WEIGHTS])
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests(), [])

    def test_starts_anew_if_a_part_is_too_long(self):
        self.write_part(CONTENT[WEIGHTS] + b"x")
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests(), [("GET", None)])

    def test_starts_anew_if_the_server_knows_no_ranges(self):
        self.hub.trouble["no ranges"] = True
        self.write_part(CONTENT[WEIGHTS][:1000])
        self.check_complete(self.get())

    def test_goes_on_after_a_broken_connection(self):
        self.hub.trouble["drops"] = [100000, 50000]
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests(), [("GET", None), ("GET", "bytes=100000-"),
                                                   ("GET", "bytes=150000-")])

    def test_goes_on_after_it_was_killed(self):
        self.hub.trouble.update(drops=[100000], stall=True)
        run = subprocess.Popen([str(SCRIPT), "distilgpt2", str(self.dir)],
                               env=self.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
        self.assertTrue(self.hub.dropped.wait(30))
        part = self.partial / f"{WEIGHTS}.part"
        limit = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size) and time.monotonic() < limit:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGTERM)
        run.wait()
        self.assertFalse(self.dir.exists())
        arrived = part.stat().st_size
        self.assertGreater(arrived, 0)
        self.hub.trouble.clear()
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests()[-1], ("GET", f"bytes={arrived}-"))

    def test_mirror_with_a_path(self):
        self.check_complete(self.get(env={"HF_ENDPOINT": self.endpoint + "/hub/"}))
        self.assertTrue(self.hub.log[0][1].startswith("/hub/distilbert/"))

    def test_token_is_for_the_hub_alone(self):
        self.check_complete(self.get(env={"HF_TOKEN": "hf_abc"}))
        for _, path, _, authorization in self.hub.log:
            self.assertEqual(authorization, None if path.startswith("/cdn/") else "Bearer hf_abc",
                             path)

    def test_empty_directory_is_filled(self):
        self.dir.mkdir()
        self.check_complete(self.get("distilgpt2", f"{self.dir}/"))

    def test_progress_bar_on_a_terminal(self):
        main, side = pty.openpty()
        with os.fdopen(main, "rb", buffering=0) as terminal:
            run = subprocess.run([str(SCRIPT), "distilgpt2", str(self.dir)],
                                 env=self.environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=side, timeout=120)
            os.close(side)
            text = b""
            try:
                while chunk := terminal.read(4096):
                    text += chunk
            except OSError:  # Linux says so where others say end of file
                pass
        self.assertEqual(run.returncode, 0)
        self.assertIn(b"####", text)
        self.assertIn(b"100.0%", text)

    # ---- a model that is there

    def test_complete_model_is_left_alone(self):
        self.dir.mkdir()
        for name in CONTENT:
            (self.dir / name).write_text("mine")
        done = self.get()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("complete", done.stdout)
        self.assertEqual(self.hub.log, [])
        self.assertEqual({(self.dir / name).read_text() for name in CONTENT}, {"mine"})

    def test_incomplete_directory_is_left_alone(self):
        self.dir.mkdir()
        (self.dir / WEIGHTS).write_text("mine")
        done = self.get()
        self.assertEqual(done.returncode, 1)
        self.assertIn("lacks config.json vocab.json merges.txt;", done.stderr)
        self.assertEqual((self.dir / WEIGHTS).read_text(), "mine")
        self.assertEqual(os.listdir(self.dir), [WEIGHTS])
        self.assertEqual(self.hub.log, [])

    def test_file_in_the_way(self):
        self.dir.write_text("mine")
        done = self.get()
        self.assertEqual((done.returncode, self.dir.read_text()), (1, "mine"))

    # ---- what arrives is wrong

    def test_wrong_checksum(self):
        for name in CONTENT:
            self.hub.files[name] = CONTENT[name][:-1] + b"?"
            self.check_failed(self.get(), name, "wrong checksum", "deleted")
            self.assertFalse((self.partial / name).exists())
            self.assertFalse((self.partial / f"{name}.part").exists())
            self.hub.files[name] = CONTENT[name]
        self.check_complete(self.get())

    def test_wrong_size(self):
        self.hub.files[WEIGHTS] = CONTENT[WEIGHTS][:-1]
        self.check_failed(self.get(), "299999 bytes instead of 300000", "deleted")
        self.assertFalse((self.partial / f"{WEIGHTS}.part").exists())

    def test_weights_without_checksum(self):
        self.hub.trouble["linked"] = {"X-Linked-Etag": None}
        self.check_failed(self.get(), "no checksum", WEIGHTS)

    def test_gpt2_is_pinned(self):
        """The hub's own checksum of the false vocab.json is right, and does not count."""
        self.dir, self.partial = self.folder / "gpt2", self.folder / "gpt2.partial"
        self.check_failed(self.get("gpt2", str(self.dir)), "vocab.json", "instead of 1042301")
        self.hub.files["vocab.json"] = b"x" * 1042301
        self.check_failed(self.get("gpt2", str(self.dir)), "vocab.json", "instead of 19613966")
        self.assertEqual(os.listdir(self.partial), ["config.json"])

    def test_gpt2_real_vocabulary(self):
        folder = os.environ.get("GPT2_VOCAB")
        if not folder:
            skip(self, "GPT2_VOCAB names no directory with GPT-2's vocab.json")
        for name in ("vocab.json", "merges.txt"):
            self.hub.files[name] = (Path(folder) / name).read_bytes()
        self.hub.trouble["status"] = {WEIGHTS: 404}
        self.dir, self.partial = self.folder / "gpt2", self.folder / "gpt2.partial"
        self.check_failed(self.get("gpt2", str(self.dir)), WEIGHTS, "404")
        self.assertTrue((self.partial / "vocab.json").exists())
        self.assertTrue((self.partial / "merges.txt").exists())

    # ---- nothing arrives

    def test_refusals(self):
        for status, token, text in ((404, "", f"has no {WEIGHTS}"), (401, "", "set HF_TOKEN"),
                                    (403, "", "set HF_TOKEN"), (403, "hf_x", "is your HF_TOKEN"),
                                    (429, "", "try again later"), (500, "", "try again later")):
            self.hub.trouble["status"] = {WEIGHTS: status}
            self.check_failed(self.get(env={"HF_TOKEN": token}), text, f"HTTP {status}", WEIGHTS)
        self.hub.trouble.clear()
        self.check_complete(self.get())

    def test_connection_refused(self):
        with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as free:
            port = free.server_address[1]
        self.check_failed(self.get(env={"HF_ENDPOINT": f"http://127.0.0.1:{port}"}),
                          f"cannot reach http://127.0.0.1:{port}: (7)", "network")
        self.assertEqual(os.listdir(self.folder), [])

    def test_unknown_host(self):
        self.check_failed(self.get(env={"HF_ENDPOINT": "https://no-such-host.invalid"}),
                          "cannot reach https://no-such-host.invalid: (6)", "network")

    def test_connection_that_brings_nothing(self):
        self.hub.trouble["drops"] = [1000, 0]
        self.check_failed(self.get(), "connection broke", "go on")
        self.assertEqual((self.partial / f"{WEIGHTS}.part").stat().st_size, 1000)
        self.check_complete(self.get())
        self.assertEqual(self.weights_requests()[-1], ("GET", "bytes=1000-"))

    # ---- no room

    def test_no_space_for_the_announced_size(self):
        self.hub.trouble["linked"] = {"X-Linked-Size": str(10 ** 18)}
        self.check_failed(self.get(), "no space", "1000000000000 MB more", "are free in")
        self.assertEqual(self.weights_requests(), [])

    def test_write_error(self):
        """A limit on the size of files, which curl meets as it meets a full disk."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        self.check_failed(self.get(preexec_fn=limit, restore_signals=False),
                          "cannot write", "no space left?")
        self.check_complete(self.get())

    def test_full_disk(self):
        self.folder.joinpath("small").mkdir()
        small = self.folder / "small"
        mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=200k none "$0" && "$@"; '
                 's=$?; ls -R "$0" >&2; exit $s', str(small)]
        try:
            tried = subprocess.run(mount + ["true"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE).returncode
        except FileNotFoundError:
            tried = 1
        if tried:
            skip(self, "no small file system can be mounted here (unshare -rm)")
        for size, text in ((str(len(CONTENT[WEIGHTS])), "no space"), (None, "cannot write")):
            self.hub.trouble["linked"] = {"X-Linked-Size": size}
            done = subprocess.run(mount + [str(SCRIPT), "distilgpt2", str(small / "model")],
                                  env=self.environment(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=120)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"models/get: {text}", done.stderr)
            self.assertIn("\nmodel.partial\n", done.stderr)
            self.assertNotIn("\nmodel\n", done.stderr)

    def test_directory_that_cannot_be_made(self):
        (self.folder / "file").write_text("")
        done = self.get("distilgpt2", str(self.folder / "file" / "model"))
        self.check_failed(done, "cannot make the directory")

    # ---- how it is called

    def test_wrong_arguments(self):
        for arguments, text in (((), "name a model: gpt2 gpt2-medium"),
                                (("gpt3",), "no model 'gpt3'; there are: gpt2 gpt2-medium"),
                                (("../gpt2",), "no model '../gpt2'"),
                                (("--fast",), "--fast is not an option"),
                                (("gpt2", ""), "name is empty"),
                                (("gpt2", "a", "b"), "'b'")):
            done = subprocess.run([str(SCRIPT), *arguments], env=self.environment(), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.check_failed(done, text)
        self.check_failed(self.get(env={"HF_ENDPOINT": "file:///etc"}), "https://")
        self.check_failed(self.get(env={"HF_TOKEN": 'x"\nurl = "http://z'}), "HF_TOKEN")
        self.assertEqual(self.hub.log, [])

    def test_help(self):
        for option in ("--help", "-h"):
            done = self.get(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage: models/get NAME [DIR]", done.stdout)

    def test_missing_tools(self):
        tools = self.folder / "bin"
        tools.mkdir()
        for name in ("sh", "ls", "mkdir", "rmdir", "rm", "mv", "cat", "awk", "tr", "sed", "tail",
                     "cut", "wc", "df", "sha256sum", "sha1sum"):
            if shutil.which(name):
                (tools / name).symlink_to(shutil.which(name))
        self.check_failed(self.get(env={"PATH": str(tools)}), "curl is missing")
        (tools / "curl").symlink_to(shutil.which("curl"))
        self.check_complete(self.get(env={"PATH": str(tools)}))
        shutil.rmtree(self.dir)
        (tools / "sha256sum").unlink()
        self.check_failed(self.get(env={"PATH": str(tools)}), "sha256sum and shasum are missing")

    def test_default_directory_is_beside_the_script(self):
        shutil.copy(SCRIPT, self.folder / "get")
        done = subprocess.run([str(self.folder / "get"), "distilgpt2"], env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
        (self.folder / "get").unlink()
        self.check_complete(done)


if __name__ == "__main__":
    unittest.main()
