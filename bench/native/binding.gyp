{
  "targets": [
    {
      "target_name": "baseline",
      "sources": ["baseline.cc", "plain_map.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags_cc!": ["-fno-rtti", "-std=gnu++17", "-std=gnu++1y", "-std=gnu++20", "-fno-exceptions"],
      "cflags_cc": ["-std=c++20", "-fexceptions", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
      "cflags!": ["-fno-exceptions"]
    }
  ]
}
