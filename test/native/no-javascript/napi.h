// Stands in for node-addon-api in programs without JavaScript: as much of it as native/environment.h names.
#pragma once

#include <initializer_list>

struct napi_env__;
using napi_env = napi_env__*;
struct napi_threadsafe_function__;
using napi_threadsafe_function = napi_threadsafe_function__*;

namespace Napi {

class Env {};
class Value {};
class Object {};
class Function {};
class Float64Array {};

template <class T>
class Reference {};

class FunctionReference {
 public:
  Object New(std::initializer_list<Value>) const { return {}; }
};

}  // namespace Napi
