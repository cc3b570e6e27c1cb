#!/usr/bin/env python3
"""etcd_fleet: the backups of many clusters as one set of Parquet tables. Runs on any Spark, from one laptop to a cluster.

    spark-submit etcd_fleet.py run --out /tables --binary ./etcd-inspect '/backups/*/*.db'
    spark-submit etcd_fleet.py run --out s3a://fleet/tables --list backups.txt --fetch 'aws s3 cp {} -'
    spark-submit etcd_fleet.py ask --out /tables queries/01-api-versions-that-block-an-upgrade.sql

Each task gives one backup to the binary `etcd-inspect export --format parquet` and puts its files to
OUT/cluster=…/date=…/table=…/SHA256.parquet. The last file of a backup is its row in `table=backups`: a backup without that row is
read again by the next run, a backup with it never. The same backup gives the same files, so a task that runs twice changes nothing.
A damaged backup has rows in `findings`; one that cannot be read at all has them too.
"""
import argparse, datetime, glob, hashlib, json, os, re, shlex, shutil, subprocess, sys, tempfile, time
from urllib.parse import quote, unquote

# What the ready queries need. The others (pages, wal_entries, terms, leases, plan, fields) are written if --tables names them.
TABLES = "keys,versions,objects,events,managed_fields,members,findings,certs"
CHUNK = 1 << 20
# Files with a date in their name have it; others have the day on which they were written.
DATE = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
ORIGIN = ("cluster_id", "member_id", "source_revision", "source_sha256")


def ledger_schema():
    """The table `backups`: one row for each backup that was read, and for each further copy of it."""
    import pyarrow as pa

    text, whole, part = pa.string(), pa.int64(), pa.float64()
    when = pa.timestamp("us", tz="UTC")
    return pa.schema([
        ("path", text), ("bytes", whole), ("modified", when), ("sha256", text),
        ("state", text),  # ok; partial: not everything can be read (`message`); refused: no db at all; copy: the same bytes as another path
        ("message", text), ("revision", whole), ("compact_revision", whole), ("hash", whole),
        ("rows", whole), ("table_bytes", whole), ("read_seconds", part), ("inspect_seconds", part), ("cpu_seconds", part),
        ("write_seconds", part), ("peak_mb", whole), ("version", text), ("host", text),
    ])  # fmt: skip


# ---- where the tables go -------------------------------------------------------------------------------------------------------


class Store:
    """A folder of tables: of this machine, or of a file system that pyarrow knows (s3, gs, hdfs, abfss)."""

    def __init__(self, out):
        from pyarrow import fs

        self.fs, self.root = fs.FileSystem.from_uri(re.sub(r"^s3[an]:", "s3:", out) if "://" in out or out.startswith("file:") else "file://" + quote(os.path.abspath(out)))

    def path(self, *parts):
        return "/".join([self.root.rstrip("/"), *parts])

    def exists(self, *parts):
        return self.fs.get_file_info(self.path(*parts)).type.name == "File"

    def put(self, source, *parts):
        """Writes a file whole: no reader sees a part of it, and of two writers of the same bytes either may be the last."""
        path = self.path(*parts)
        folder, _, name = path.rpartition("/")
        # A file of this machine or of HDFS is renamed when it is whole; one of an object store appears when it is closed.
        renames = self.fs.type_name in ("local", "hdfs")
        first = f"{folder}/.{name}.{os.getpid()}-{time.monotonic_ns()}" if renames else path
        if renames:
            self.fs.create_dir(folder, recursive=True)
        with open(source, "rb") as file, self.fs.open_output_stream(first) as to:
            shutil.copyfileobj(file, to, CHUNK)
        if renames:
            self.fs.move(first, path)

    def remove(self, *parts):
        if self.exists(*parts):
            self.fs.delete_file(self.path(*parts))

    def ledger(self):
        """All rows of `table=backups`, with the partition and the file of each."""
        import pyarrow.parquet as pq
        from pyarrow import fs

        rows = []
        for found in self.fs.get_file_info(fs.FileSelector(self.root, allow_not_found=True, recursive=True)):
            parts = found.path[len(self.root.rstrip("/")) + 1 :].split("/")
            if len(parts) == 4 and parts[2] == "table=backups" and parts[3].endswith(".parquet") and not parts[3].startswith("."):
                for row in pq.read_table(self.fs.open_input_file(found.path)).to_pylist():
                    rows.append({**row, "partition": "/".join(parts[:2]), "file": parts[3]})
        return rows


# ---- one backup, on a worker ---------------------------------------------------------------------------------------------------


class Failed(Exception):
    """Not the backup's fault: no row is written, and the next run reads it again."""


def listed(item):
    """The name of a backup in the ledger: as its file system lists it."""
    return hashlib.sha256(f"{item['path']}\0{item['bytes']}\0{item['modified']}".encode()).hexdigest()[:32]


def partition(item):
    return f"cluster={quote(item['cluster'], safe='')}/date={item['date']}"


def binary(job):
    """The binary: the copy that Spark brought to this worker, or a path or name that every worker has."""
    from pyspark import SparkFiles

    brought = SparkFiles.get(os.path.basename(job["binary"])) if job["shipped"] else None
    if brought and os.path.exists(brought):
        if not os.access(brought, os.X_OK):
            os.chmod(brought, 0o755)
        return brought
    return job["binary"]


def run(job, *args, folder=None):
    """Exit code, output, error, processor seconds and peak memory of the binary."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            child = subprocess.Popen([os.path.abspath(binary(job)) if os.path.exists(binary(job)) else binary(job), *args], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        except OSError as error:
            raise Failed(f"{job['binary']} cannot be started: {error}") from error
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode < 0:
            raise Failed(f"etcd-inspect was ended by signal {-child.returncode} (memory?)")
        read = lambda file: (file.seek(0), file.read().decode(errors="replace"))[1]
        return child.returncode, read(out), read(err), usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def obtain(job, item, content, work):
    """The name of the backup in the folder `work` of this worker, and its SHA-256. A file of this machine is not copied."""
    # Findings contain the name: of another folder each time, the same backup would not give the same files.
    path = os.path.join(work, "./" + (os.path.basename(item["path"]) or "backup"))
    digest = hashlib.sha256()
    local = item["path"][5:] if item["path"].startswith("file:") else None
    if content is None and local and not job["fetch"]:
        try:
            with open(local, "rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise Failed(f"this worker cannot read it: {error}; --read spark asks Spark's own reader") from error
        os.symlink(local, path)
        return path, digest.hexdigest()
    with open(path, "wb") as to:
        if content is not None:
            to.write(content)
            digest.update(content)
        elif item["bytes"]:
            words = [word.replace("{}", unquote(item["path"])) for word in shlex.split(job["fetch"])]
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            while chunk := child.stdout.read(CHUNK):
                digest.update(chunk)
                to.write(chunk)
            if child.wait() != 0 or to.tell() != item["bytes"]:
                raise Failed(f"--fetch ended with {child.returncode} after {to.tell()} of {item['bytes']} bytes")
    return path, digest.hexdigest()


def export(job, path, out):
    """Lets the binary write its tables: state, message, cost."""
    words = ["--format", "parquet", "--tables", job["tables"], "--values", job["values"], "-o", "json", "--out", out]
    code, _, err, cpu, peak = run(job, "export", *words, "-d", name_of(path), folder=os.path.dirname(path))
    if code in (0, 3) and os.path.isdir(out):
        return "ok" if code == 0 else "partial", message(err) if code else None, cpu, peak, None
    try:
        error = json.loads(err.strip().splitlines()[-1])["error"]
    except (ValueError, KeyError, IndexError):
        raise Failed(f"etcd-inspect ended with {code}: {err.strip()[-300:]}") from None
    if any(word in error["message"] for word in ("No space left", "Permission denied", "Read-only file system", "Input/output error")):
        raise Failed(error["message"])
    return "refused", error["message"], cpu, peak, error


def name_of(path):
    name = os.path.basename(path)
    return "./" + name if name.startswith("-") else name


def message(err):
    """What is missing in the tables, and the first reason."""
    lines = [line.removeprefix("warning: ") for line in err.splitlines() if line.startswith("warning: ")]
    return "; ".join(lines[:2])[:500]


def write_refusal(job, out, path, error, sha256):
    """A row of `findings` for what is no db at all: with the columns that `etcd-inspect tables findings` lists."""
    import pyarrow as pa, pyarrow.parquet as pq

    code, listing, err, _, _ = run(job, "tables", "findings", "-o", "json")
    if code:
        raise Failed(f"etcd-inspect tables findings ended with {code}: {err[-300:]}")
    kinds = {"integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_(), "time": pa.timestamp("us", tz="UTC")}
    columns = [(row["column"], kinds.get(row["type"], pa.string())) for row in json.loads(listing)["rows"]]
    columns += [(name, pa.int64() if name == "source_revision" else pa.string()) for name in ORIGIN]
    row = {"id": "F-01", "code": error["code"], "severity": "error", "message": error["message"], "file": os.path.basename(path), "count": 1, "source_sha256": sha256}
    os.makedirs(out, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row], pa.schema(columns)), os.path.join(out, "findings.parquet"), compression="zstd")


def inspect(job, item, content=None):
    """One backup: its tables, then its row in the ledger. Gives the row, or what went wrong on this worker."""
    work = tempfile.mkdtemp(prefix="etcd-fleet-", dir=job["scratch"])
    try:
        return one(job, item, content, work)
    except Failed as error:
        return {"path": item["path"], "state": "failed", "message": str(error)}
    except ImportError as error:
        return {"path": item["path"], "state": "failed", "message": f"{error}; on every worker: {sys.executable} -m pip install pyarrow, or PYSPARK_PYTHON"}
    except OSError as error:
        return {"path": item["path"], "state": "failed", "message": f"{type(error).__name__}: {error}"}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def one(job, item, content, work):
    import pyarrow.parquet as pq

    store, where = Store(job["out"]), partition(item)
    if store.exists(where, "table=backups", listed(item) + ".parquet"):
        return {"path": item["path"], "state": "skipped", "message": "an earlier attempt of this task was complete"}
    begun = time.monotonic()
    path, sha256 = obtain(job, item, content, work)
    row = {"path": item["path"], "bytes": item["bytes"], "sha256": sha256, "host": os.uname().nodename, "version": job["version"]}
    row["modified"] = datetime.datetime.fromtimestamp(item["modified"] / 1000, datetime.timezone.utc)
    row["read_seconds"] = time.monotonic() - begun
    if sha256 in job["known"].value:
        return commit(store, item, {**row, "state": "copy", "message": job["known"].value[sha256]}, work)
    out, begun = os.path.join(work, "tables"), time.monotonic()
    row["state"], row["message"], row["cpu_seconds"], row["peak_mb"], error = export(job, path, out)
    if error:
        write_refusal(job, out, path, error, sha256)
    elif job["hash"]:
        code, text, _, cpu, _ = run(job, "hashkv", name_of(path), "-o", "json", folder=os.path.dirname(path))
        if code == 0:
            row.update({name: json.loads(text)[name] for name in ("revision", "compact_revision", "hash")})
        row["cpu_seconds"] += cpu
    row["inspect_seconds"], begun = time.monotonic() - begun, time.monotonic()
    row["rows"] = row["table_bytes"] = 0
    for name in sorted(os.listdir(out)):
        source = os.path.join(out, name)
        row["rows"] += pq.read_metadata(source).num_rows
        row["table_bytes"] += os.path.getsize(source)
        store.put(source, where, f"table={name.removesuffix('.parquet')}", sha256 + ".parquet")
    row["write_seconds"] = time.monotonic() - begun
    return commit(store, item, row, work)


def commit(store, item, row, work):
    import pyarrow as pa, pyarrow.parquet as pq

    path = os.path.join(work, "backups.parquet")
    pq.write_table(pa.Table.from_pylist([row], ledger_schema()), path, compression="zstd")
    store.put(path, partition(item), "table=backups", listed(item) + ".parquet")
    return row


# ---- the list of backups, on the driver ----------------------------------------------------------------------------------------


def find(spark, patterns):
    """Every file that the patterns name, with size and time: also files of no bytes, which Spark's readers leave out."""
    seen, found = set(), []

    def add(path, size, modified):
        if path not in seen:
            seen.add(path)
            found.append({"path": path, "bytes": size, "modified": modified})

    for pattern in patterns:
        before, local = len(found), re.sub(r"^file:(//)?", "", pattern)
        if "://" not in local:
            for path in sorted(glob.glob(os.path.abspath(local), recursive=True)):
                folders = [path] if os.path.isfile(path) else [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in sorted(names)]
                for file in folders:
                    add("file:" + file, os.path.getsize(file), int(os.path.getmtime(file) * 1000))
        else:
            hadoop = spark._jvm.org.apache.hadoop.fs.Path(pattern)
            system = hadoop.getFileSystem(spark._jsc.hadoopConfiguration())
            for status in system.globStatus(hadoop) or []:
                files = system.listFiles(status.getPath(), True)
                while files.hasNext():
                    file = files.next()
                    add(file.getPath().toString(), file.getLen(), file.getModificationTime())
        if len(found) == before and not seen:
            print(f"warning: {pattern} names no file", file=sys.stderr)
    return found


def named(item, cluster):
    """The cluster and the day of a backup, from its path."""
    match = cluster.search(item["path"])
    if not match:
        sys.exit(f"error: --cluster {cluster.pattern} does not match {item['path']}")
    item["cluster"] = match["cluster"]
    date = DATE.search(item["path"].rsplit("/", 1)[-1]) or DATE.search(item["path"])
    day = "-".join(date.groups()) if date else datetime.datetime.fromtimestamp(item["modified"] / 1000, datetime.timezone.utc).date().isoformat()
    return {**item, "date": day}


def settle(store):
    """Two paths with the same bytes that were read at the same time: the first path keeps its rows, the other becomes a copy."""
    keepers, copies = {}, 0
    rows = store.ledger()
    for row in sorted((row for row in rows if row["state"] != "copy"), key=lambda row: row["path"]):
        keeper = keepers.setdefault(row["sha256"], row)
        if keeper is row:
            continue
        if keeper["partition"] != row["partition"]:
            from pyarrow import fs

            for found in store.fs.get_file_info(fs.FileSelector(store.path(row["partition"]))):
                store.remove(row["partition"], found.base_name, row["sha256"] + ".parquet")
        row.update(state="copy", message=keeper["path"])
        with tempfile.TemporaryDirectory() as work:
            import pyarrow as pa, pyarrow.parquet as pq

            path = os.path.join(work, "backups.parquet")
            pq.write_table(pa.Table.from_pylist([{k: v for k, v in row.items() if k not in ("partition", "file")}], ledger_schema()), path, compression="zstd")
            store.put(path, row["partition"], "table=backups", row["file"])
        copies += 1
    return rows, keepers, copies


def run_job(args, spark):
    sc = spark.sparkContext
    store = Store(args.out)
    rows, keepers, _ = settle(store)
    patterns = list(args.backups)
    if args.list:
        patterns += [row.value.strip() for row in spark.read.text(args.list).collect() if row.value.strip() and not row.value.startswith("#")]
    items = [named(item, re.compile(args.cluster)) for item in find(spark, patterns)]
    if not items:
        sys.exit("error: no backup found; try: etcd_fleet.py run --out OUT '/backups/*/*.db'")
    done = {row["file"] for row in rows}
    todo = [item for item in items if listed(item) + ".parquet" not in done]
    shipped = os.path.isfile(args.binary)
    if shipped:
        sc.addFile(os.path.abspath(args.binary))
    job = {"binary": args.binary, "shipped": shipped, "out": args.out, "tables": args.tables, "values": args.values, "hash": not args.no_hash,
           "scratch": args.scratch, "fetch": args.fetch, "known": sc.broadcast({sha: row["path"] for sha, row in keepers.items()})}  # fmt: skip
    code, version, err, _, _ = run({**job, "shipped": False}, "version", "-o", "json") if shipped or shutil.which(args.binary) else (1, "", "", 0, 0)
    job["version"] = json.loads(version).get("version") if code == 0 else None
    print(f"{len(items)} backups, {len(items) - len(todo)} of them read before", flush=True)
    results = attempt(args, spark, job, todo)
    again = {row["path"] for row in results if row["state"] == "failed"}
    if again and len(again) < len(results):
        # On another worker it may be readable.
        results = [row for row in results if row["path"] not in again] + attempt(args, spark, job, [item for item in todo if item["path"] in again])
    settle(store)
    return summary(args, len(items) - len(todo), results, {row["file"]: row for row in store.ledger()}, items)


def attempt(args, spark, job, todo):
    """Reads backups, a task for each (at most 20,000 tasks)."""
    by_spark = [item for item in todo if item["bytes"] and not args.fetch and (args.read == "spark" or not item["path"].startswith("file:"))]
    direct = [item for item in todo if item not in by_spark] if by_spark else todo
    results = []
    if direct:
        spread = spark.sparkContext.parallelize(direct, min(len(direct), 20_000))
        results += spread.map(lambda item: inspect(job, item, b"" if not item["bytes"] else None)).collect()
    if by_spark:
        of_path = spark.sparkContext.broadcast({item["path"]: item for item in by_spark})
        literal = [re.sub(r"([\[\]{}*?\\])", r"\\\1", item["path"]) for item in by_spark]
        # A partition for each file: a file is opened at the cost of a whole partition.
        spark.conf.set("spark.sql.files.openCostInBytes", spark.conf.get("spark.sql.files.maxPartitionBytes"))
        contents = spark.read.format("binaryFile").load(literal).select("path", "content")
        results += contents.rdd.map(lambda row: inspect(job, of_path.value[row.path], bytes(row.content))).collect()
    return results


def summary(args, before, results, ledger, items):
    """Accounts for every backup, and says what to do about those that are not read."""
    states = {}
    for row in results:
        states.setdefault(row["state"], []).append(row)
    missing = [item for item in items if listed(item) + ".parquet" not in ledger]
    counts = {state: len(rows) for state, rows in sorted(states.items())}
    read = [row for row in results if row.get("inspect_seconds") is not None]
    told = {"backups": len(items), "read_before": before, **counts, "not_read": len(missing)}
    if read:
        total = lambda name: round(sum(row[name] for row in read), 3)
        told["seconds"] = {name: total(name + "_seconds") for name in ("read", "inspect", "cpu", "write")}
        told["bytes"], told["table_bytes"] = sum(row["bytes"] for row in read), sum(row["table_bytes"] for row in read)
        told["peak_mb"] = max(row["peak_mb"] for row in read)
    print(json.dumps(told))
    for row in states.get("failed", [])[:20]:
        print(f"not read: {row['path']}: {row['message']}", file=sys.stderr)
    if missing:
        print(f"{len(missing)} of {len(items)} backups are not read; the same command reads only these", file=sys.stderr)
    return 3 if missing else 0


# ---- questions -----------------------------------------------------------------------------------------------------------------


def views(spark, out):
    """A temporary view for each table."""
    # A cluster named 0012 is not the number 12.
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    known = [*TABLES.split(","), "backups", "pages", "wal_entries", "terms", "leases", "plan", "fields"]
    for table in known:
        try:
            frame = spark.read.option("basePath", out).parquet(f"{out}/cluster=*/date=*/table={table}")
        except Exception as error:  # noqa: BLE001: the class differs between releases of Spark
            if "PATH_NOT_FOUND" in str(error) or "does not exist" in str(error):
                continue
            raise
        frame.withColumn("date", frame["date"].cast("date")).createOrReplaceTempView(table)


def ask(args, spark):
    views(spark, args.out)
    for path in args.queries:
        with open(path) as file:
            spark.sql(file.read().rstrip().rstrip(";")).show(args.limit, truncate=False)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    job = verbs.add_parser("run", help="read backups")
    job.add_argument("backups", nargs="*", help="paths and globs of files or folders: of this machine, or of what Spark reads (s3a://…, hdfs://…)")
    job.add_argument("--list", help="a file with one path or glob a line")
    job.add_argument("--out", required=True, help="the folder of the tables: a path that every worker has, or a URI that pyarrow knows")
    job.add_argument("--binary", default="etcd-inspect", help="a file of this machine, which Spark copies to the workers, or a name that they have")
    job.add_argument("--cluster", default=r"(?P<cluster>[^/]+)/[^/]*$", help="regular expression: the cluster in a path (default: the folder of the file)")
    job.add_argument("--tables", default=TABLES)
    job.add_argument("--values", default="masked", choices=["none", "masked", "reveal"])
    job.add_argument("--read", default="auto", choices=["auto", "spark"], help="spark: files of this machine too through Spark's reader (2 GB each at most)")
    job.add_argument("--fetch", help="a command that writes a backup to its standard output; {} is the path. For backups above 2 GB")
    job.add_argument("--scratch", help="a folder of the workers for copies of backups (default: that for temporary files)")
    job.add_argument("--no-hash", action="store_true", help="no HashKV for each backup: saves reading each once more")
    question = verbs.add_parser("ask", help="run queries")
    question.add_argument("queries", nargs="+")
    question.add_argument("--out", required=True)
    question.add_argument("--limit", type=int, default=50)
    args = parser.parse_args()
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("etcd-fleet").getOrCreate()
    try:
        return {"run": run_job, "ask": ask}[args.verb](args, spark)
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main())
