"""What is known about modules, functions and attributes by their names."""

from .findings import ALARM, NOTE, WARNING

NETWORK = {
    *("socket", "ssl", "http", "ftplib", "smtplib", "poplib", "imaplib", "nntplib", "telnetlib"),
    *("xmlrpc", "socketserver", "asyncio", "asyncore", "webbrowser", "requests", "httpx"),
    *("aiohttp", "urllib3", "websocket", "websockets", "paramiko", "urllib", "select", "_socket"),
}
PROCESS = {
    *("subprocess", "multiprocessing", "pty", "signal", "posix", "_posixsubprocess", "resource"),
    *("concurrent", "threading", "_thread", "faulthandler", "sched"),
}
NATIVE = {"ctypes", "_ctypes", "cffi", "mmap", "fcntl", "numba", "cython"}
PICKLES = {
    *("pickle", "_pickle", "cPickle", "pickletools", "marshal", "shelve", "dill", "cloudpickle"),
    *("joblib", "copyreg"),
}
DYNAMIC = {
    *("importlib", "runpy", "code", "codeop", "imp", "pkgutil", "zipimport", "builtins", "inspect"),
    *(
        "gc",
        "dis",
        "ast",
        "types",
        "sysconfig",
        "site",
        "atexit",
        "pdb",
        "bdb",
        "trace",
        "ensurepip",
    ),
}
FILES = {
    *("os", "shutil", "tempfile", "pathlib", "glob", "fileinput", "zipfile", "tarfile", "gzip"),
    *("bz2", "lzma", "sqlite3", "dbm", "io", "sys", "platform", "getpass", "linecache", "logging"),
    *("mailbox", "netrc", "configparser", "pyarrow", "fsspec", "h5py", "tables", "sqlalchemy"),
}
MODULES: tuple[tuple[set[str], str, str, str], ...] = (
    (NETWORK, "network", ALARM, "reaches for the network"),
    (PROCESS, "process", ALARM, "starts processes or threads, or touches them"),
    (NATIVE, "native", ALARM, "runs native code or touches memory"),
    (PICKLES, "pickle", ALARM, "reads or writes a format that runs code when it is read"),
    (DYNAMIC, "dynamic", ALARM, "finds or makes code at run time"),
    (FILES, "io-import", WARNING, "can read or write files, or what surrounds the program"),
)

BUILTINS: dict[str, tuple[str, str, str]] = {
    **dict.fromkeys(
        ("eval", "exec", "compile", "__import__"),
        ("dynamic", ALARM, "runs code that is not in the text"),
    ),
    **dict.fromkeys(
        ("__builtins__", "__loader__", "__spec__", "__build_class__"),
        ("dynamic", ALARM, "reaches for the interpreter's own objects"),
    ),
    **dict.fromkeys(
        ("globals", "locals", "vars", "dir"),
        ("dynamic", WARNING, "finds names at run time"),
    ),
    "open": ("file", WARNING, "opens a file"),
    "input": ("file", WARNING, "reads from outside"),
    "breakpoint": ("dynamic", ALARM, "stops the program for a debugger"),
    "memoryview": ("native", NOTE, "looks at memory"),
}
"""Flagged wherever the name is read."""

FUNCTIONS: dict[str, tuple[str, str, str]] = {
    **dict.fromkeys(
        ("time.sleep", "asyncio.sleep", "threading.Event.wait"),
        ("timing", ALARM, "waits: how long a run takes can be seen"),
    ),
    **dict.fromkeys(
        (
            *("time.time", "time.time_ns", "time.perf_counter", "time.perf_counter_ns"),
            *("time.monotonic", "time.monotonic_ns", "time.process_time", "time.thread_time"),
            *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
            *("datetime.date.today", "pandas.Timestamp.now", "pandas.Timestamp.today"),
            *("timeit.timeit", "timeit.default_timer", "timeit.repeat"),
        ),
        ("timing", WARNING, "reads a clock"),
    ),
    **dict.fromkeys(
        ("pandas.read_pickle", "numpy.memmap", "torch.load", "pandas.eval"),
        ("pickle", ALARM, "can run what it reads"),
    ),
    **dict.fromkeys(
        ("numpy.load", "numpy.fromfile", "numpy.loadtxt", "numpy.genfromtxt", "numpy.save"),
        ("file", WARNING, "reads or writes a file"),
    ),
    **dict.fromkeys(
        ("numpy.savez", "numpy.savez_compressed", "numpy.savetxt", "numpy.lib.format.open_memmap"),
        ("file", WARNING, "reads or writes a file"),
    ),
    **dict.fromkeys(
        ("sys._getframe", "sys.modules", "sys.settrace", "sys.setprofile", "sys.meta_path"),
        ("dynamic", ALARM, "reaches for the interpreter's own objects"),
    ),
    "pandas.eval": ("string-code", ALARM, "evaluates text"),
    "os._exit": ("exit", ALARM, "ends the program, and its code can be seen"),
    "numpy.frompyfunc": ("dynamic", NOTE, "makes a function"),
    "numpy.ctypeslib": ("native", ALARM, "runs native code or touches memory"),
    "numpy.f2py": ("native", ALARM, "runs native code or touches memory"),
}
"""By full name, with everything below it."""

FILE_METHODS = {
    *("to_parquet", "to_excel", "to_hdf", "to_feather", "to_sql", "to_stata", "to_orc"),
    *("savefig", "tofile", "write_text", "write_bytes", "read_text", "read_bytes", "memmap"),
    *(
        "read_csv",
        "read_parquet",
        "read_excel",
        "read_hdf",
        "read_feather",
        "read_sql",
        "read_json",
    ),
    *("read_table", "read_html", "read_xml", "read_fwf", "read_sas", "read_spss", "read_stata"),
    *("read_orc", "read_clipboard", "to_clipboard", "to_gbq", "unlink", "rmtree", "mkdir"),
}
MAYBE_FILE_METHODS = {
    "to_csv",
    "to_json",
    "to_html",
    "to_latex",
    "to_markdown",
    "to_string",
    "dump",
}
"""Into a file only if an argument says which."""

PLAIN_DUNDERS = {
    *("__name__", "__doc__", "__version__", "__init__", "__len__", "__repr__", "__str__"),
    *("__iter__", "__next__", "__enter__", "__exit__", "__post_init__", "__main__", "__file__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__bool__"),
    *("__add__", "__sub__", "__mul__", "__truediv__", "__neg__", "__abs__", "__radd__", "__rmul__"),
    *("__getitem__", "__setitem__", "__contains__", "__call__", "__all__", "__slots__"),
    *("__annotations__", "__future__", "__int__", "__float__", "__round__", "__and__", "__or__"),
    *("__invert__", "__matmul__", "__pow__", "__mod__", "__floordiv__", "__iadd__", "__rsub__"),
}

AGGREGATES = {
    *("mean", "sum", "count", "size", "std", "var", "median", "quantile", "sem", "skew", "kurt"),
    *("kurtosis", "nunique", "corr", "cov", "corrwith", "describe", "value_counts", "crosstab"),
    *("pivot_table", "min", "max", "prod", "product", "any", "all", "average", "nanmean", "nansum"),
    *("nanstd", "nanvar", "nanmedian", "amin", "amax", "ptp", "percentile", "nanpercentile"),
    *("histogram", "histogram2d", "bincount", "corrcoef", "dot", "trace", "norm", "memory_usage"),
    *("score", "ttest_ind", "ttest_1samp", "ttest_rel", "mannwhitneyu", "chi2_contingency"),
    *("pearsonr", "spearmanr", "kstest", "ks_2samp", "linregress", "f_oneway", "mode", "fsum"),
    *("mean_squared_error", "r2_score", "roc_auc_score", "accuracy_score", "log_loss", "stdev"),
    *("variance", "count_nonzero", "nancount", "item_count", "isnull_sum", "lstsq", "polyfit"),
    *("summary", "params", "pvalues", "rsquared", "ngroups", "len", "geometric_mean"),
}
"""Methods and functions that make few numbers of many rows."""
ROW_KEEPING = {
    *("head", "tail", "sample", "copy", "dropna", "fillna", "sort_values", "sort_index"),
    *("reset_index", "set_index", "rename", "query", "filter", "assign", "merge", "join", "concat"),
    *(
        "drop",
        "drop_duplicates",
        "duplicated",
        "isin",
        "between",
        "astype",
        "where",
        "mask",
        "clip",
    ),
    *("replace", "round", "abs", "diff", "shift", "cumsum", "cumprod", "cummax", "cummin", "rank"),
    *("nlargest", "nsmallest", "first", "last", "nth", "get_group", "iterrows", "itertuples"),
    *("items", "to_numpy", "to_dict", "to_list", "tolist", "to_records", "to_string", "to_csv"),
    *("to_json", "values", "unique", "idxmax", "idxmin", "argmax", "argmin", "explode", "melt"),
    *("stack", "unstack", "transpose", "transform", "groupby", "rolling", "expanding", "resample"),
    *("loc", "iloc", "at", "iat", "T", "str", "dt", "cat", "xs", "squeeze", "pop", "get", "isna"),
    *("notna", "isnull", "notnull", "infer_objects", "convert_dtypes", "interpolate", "flatten"),
    *("ravel", "reshape", "to_frame", "to_markdown", "to_html", "take", "reindex", "eval", "cut"),
}
"""Methods and attributes of rows that are rows still."""
PUBLIC = {"columns", "dtypes", "dtype", "ndim", "categories", "names"}
"""Attributes that come from the declared schema alone."""
COUNTED = {"shape", "size", "empty", "nbytes", "index_size"}
MUTATORS = {
    *("append", "extend", "add", "insert", "update", "setdefault", "appendleft", "put", "write"),
    *("writelines", "push", "fit", "partial_fit", "train", "fit_transform", "load_state_dict"),
}
PRINTS = {
    *("builtins.print", "sys.stdout.write", "sys.stderr.write", "warnings.warn", "pprint.pprint"),
    *("traceback.print_exc", "builtins.display"),
}
LOGS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
EXITS = {"sys.exit", "os._exit", "builtins.exit", "builtins.quit", "os.abort"}
KEEPS_ROWS = {"numpy", "pandas"}
"""Packages whose other functions give a value for each row."""
REDUCING_BUILTINS = {"len", "sum", "min", "max", "any", "all", "bool", "hash", "id"}
CONSTANT_BUILTINS = {"isinstance", "issubclass", "type", "callable", "hasattr", "super"}
SAME_BUILTINS = {
    *("list", "tuple", "set", "dict", "frozenset", "sorted", "reversed", "enumerate", "zip"),
    *("iter", "next", "map", "filter", "str", "repr", "format", "bytes", "int", "float", "abs"),
    *("round", "range", "ascii", "chr", "ord", "bytearray", "divmod", "pow", "complex", "slice"),
}
