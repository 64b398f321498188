{
  "targets": [
    {
      "target_name": "nofault",
      "sources": [
        "native/addon.cc",
        "native/environment.cc",
        "native/kernel.cc",
        "native/thread.cc",
        "native/latency.cc",
        "native/passing.cc",
        "native/file_system.cc",
        "native/file_state.cc",
        "native/board.cc",
        "native/window.cc",
        "native/guard.cc",
        "native/recheck.cc",
        "native/watch.cc",
        "native/window_memory.cc",
        "native/residency.cc",
        "native/canary.cc",
        "native/residency_map.cc",
        "native/page_map.cc",
        "native/fill.cc",
        "native/request.cc",
        "native/fetcher.cc",
        "native/opening.cc",
        "native/probe.cc",
        "native/examination.cc",
        "native/lock.cc",
        "native/file_locks.cc",
        "native/file.cc",
        "native/roaring/checksum.cc",
        "native/roaring/kernels.cc",
        "native/roaring/header.cc",
        "native/roaring/write.cc",
        "native/roaring/roaring.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "_GNU_SOURCE"],
      "cflags_cc": ["-std=c++20", "-fexceptions", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,-z,nodelete", "-Wl,--gc-sections", "-Wl,--version-script=../native/exports.map"]
    }
  ]
}
