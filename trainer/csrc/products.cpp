// The matrix products of linear layers, large ones on CUDA devices by that kernel of cuBLASLt's which is measured to be the fastest. cuBLASLt proposes some and thinks the
// first the fastest, as it is on a cool device. One that has much to compute lowers its clock to keep to its power, and then others can be faster, by up to 5% on an H200.

#include "products.hpp"
#include "sizes.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#ifdef USE_C10D_NCCL
#include <ATen/Context.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAStream.h>
#include <dlfcn.h>
#endif

namespace drbert {
namespace {

#ifdef USE_C10D_NCCL
// Smaller ones take so little time that a faster kernel would not be noticed.
constexpr double kLeastOperations = 2e10;
// Enough to split the sum of a weight's gradient.
constexpr size_t kMostWorkspace = 64 << 20;
constexpr int kCandidates = 16;
// Every kernel is run for so long before the next one is, and each comes so many times, of which the first do not count: the device grows warm.
constexpr double kTurnMilliseconds = 2.0;
constexpr int kTurns = 6, kTurnsToWarmUp = 2;
// A kernel takes the place of the one that cuBLASLt proposes if it takes so much less time.
constexpr double kLeastGain = 0.01;

// A function of the cuBLASLt that libtorch has loaded.
template <typename Function>
Function* loaded(const char* name) {
    void* const function = dlsym(RTLD_DEFAULT, name);
    TORCH_CHECK(function != nullptr, name, " was not found");
    return reinterpret_cast<Function*>(function);
}
#define DRBERT_CUBLASLT(name) ([] { static auto* const function = loaded<decltype(name)>(#name); return function; }())

// Not if libtorch holds it within itself.
bool is_cublaslt_there() {
    static const bool is_there = dlsym(RTLD_DEFAULT, "cublasLtMatmul") != nullptr;
    return is_there;
}

using Kernel = cublasLtMatmulHeuristicResult_t;

void check(cublasStatus_t status) { TORCH_CHECK(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt: error ", static_cast<int>(status)); }

// What a description is owned by.
template <typename Object>
class Owned {
  public:
    using Destroy = cublasStatus_t (*)(Object);

    Owned(Object object, Destroy destroy) : object_(object), destroy_(destroy) {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { destroy_(object_); }

    Object get() const { return object_; }

  private:
    Object object_;
    Destroy destroy_;
};

// A matrix whose rows or columns are without gaps, as cuBLASLt sees it, which counts by columns: transposed.
struct Operand {
    const at::Tensor& matrix;
    bool is_transposed;

    explicit Operand(const at::Tensor& matrix) : matrix(matrix), is_transposed(matrix.stride(1) != 1) {}

    bool is_supported() const { return matrix.stride(is_transposed ? 0 : 1) == 1; }
    int64_t stride() const { return matrix.stride(is_transposed ? 1 : 0); }
    cublasOperation_t operation() const { return is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

    cublasLtMatrixLayout_t layout(cudaDataType_t type) const {
        cublasLtMatrixLayout_t layout = nullptr;
        const int64_t rows = matrix.size(is_transposed ? 0 : 1), columns = matrix.size(is_transposed ? 1 : 0);
        check(DRBERT_CUBLASLT(cublasLtMatrixLayoutCreate)(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), stride()));
        return layout;
    }
};

// What a kernel is chosen for: nearly equal sizes share one.
using Kind = std::tuple<c10::DeviceIndex, at::ScalarType, std::array<int64_t, 3>, std::array<bool, 4>>;

// output = a b + beta output, plus a bias.
class Product {
  public:
    Product(const at::Tensor& output, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias, bool adds)
        : a_(a), b_(b), output_(output), bias_(bias), adds_(adds), type_(output.scalar_type() == at::kHalf ? CUDA_R_16F : CUDA_R_16BF),
          description_(describe(), DRBERT_CUBLASLT(cublasLtMatmulDescDestroy)), a_layout_(a_.layout(type_), DRBERT_CUBLASLT(cublasLtMatrixLayoutDestroy)),
          b_layout_(b_.layout(type_), DRBERT_CUBLASLT(cublasLtMatrixLayoutDestroy)),
          output_layout_(Operand(output).layout(type_), DRBERT_CUBLASLT(cublasLtMatrixLayoutDestroy)) {}

    Kind kind() const {
        const std::array sizes = {coarse_size(a_.matrix.size(0)), coarse_size(b_.matrix.size(1)), coarse_size(a_.matrix.size(1))};
        return {output_.device().index(), output_.scalar_type(), sizes, {a_.is_transposed, b_.is_transposed, bias_.defined(), adds_}};
    }

    // What cuBLASLt proposes, the first first; nothing for what it does not support.
    std::vector<Kernel> proposals() const {
        cublasLtMatmulPreference_t made = nullptr;
        check(DRBERT_CUBLASLT(cublasLtMatmulPreferenceCreate)(&made));
        const Owned preference(made, DRBERT_CUBLASLT(cublasLtMatmulPreferenceDestroy));
        check(DRBERT_CUBLASLT(cublasLtMatmulPreferenceSetAttribute)(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kMostWorkspace, sizeof(kMostWorkspace)));
        std::vector<Kernel> found(kCandidates);
        int count = 0;
        const cublasStatus_t status = DRBERT_CUBLASLT(cublasLtMatmulAlgoGetHeuristic)(
            at::cuda::getCurrentCUDABlasLtHandle(), description_.get(), b_layout_.get(), a_layout_.get(), output_layout_.get(), output_layout_.get(), made, kCandidates,
            found.data(), &count);
        found.resize(status == CUBLAS_STATUS_SUCCESS ? static_cast<size_t>(count) : 0);
        found.erase(std::remove_if(found.begin(), found.end(), [](const auto& result) { return result.state != CUBLAS_STATUS_SUCCESS; }), found.end());
        return found;
    }

    // Whether it took place: a kernel may not suit what it was not proposed for.
    bool run(const Kernel& kernel, const at::Tensor& output) const {
        const float one = 1.0f, beta = adds_ ? 1.0f : 0.0f;
        const at::Tensor workspace = at::empty({static_cast<int64_t>(kernel.workspaceSize)}, output.options().dtype(at::kByte));
        void* const result = output.mutable_data_ptr();
        return DRBERT_CUBLASLT(cublasLtMatmul)(
                   at::cuda::getCurrentCUDABlasLtHandle(), description_.get(), &one, b_.matrix.const_data_ptr(), b_layout_.get(), a_.matrix.const_data_ptr(),
                   a_layout_.get(), &beta, result, output_layout_.get(), result, output_layout_.get(), &kernel.algo, workspace.mutable_data_ptr(),
                   kernel.workspaceSize, c10::cuda::getCurrentCUDAStream(output.device().index()).stream()) == CUBLAS_STATUS_SUCCESS;
    }

    // The fastest kernel, while the device does nothing else; none if there is no choice.
    std::optional<Kernel> fastest() const {
        const at::Tensor output = adds_ ? output_.clone() : at::empty_like(output_);
        std::vector<Kernel> kernels = proposals();
        kernels.erase(std::remove_if(kernels.begin(), kernels.end(), [&](const Kernel& kernel) { return !run(kernel, output); }), kernels.end());
        if (kernels.empty()) {
            return std::nullopt;
        }
        const int repetitions = std::max(1, static_cast<int>(kTurnMilliseconds / milliseconds(kernels[0], output, 2)));
        std::vector<double> least(kernels.size(), std::numeric_limits<double>::infinity());
        for (int turn = 0; turn < kTurns; ++turn) {
            for (size_t i = 0; i < kernels.size(); ++i) {
                const double time = milliseconds(kernels[i], output, repetitions);
                least[i] = turn < kTurnsToWarmUp ? least[i] : std::min(least[i], time);
            }
        }
        least[0] *= 1.0 - kLeastGain;
        return kernels[static_cast<size_t>(std::min_element(least.begin(), least.end()) - least.begin())];
    }

  private:
    cublasLtMatmulDesc_t describe() const {
        cublasLtMatmulDesc_t description = nullptr;
        check(DRBERT_CUBLASLT(cublasLtMatmulDescCreate)(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
            check(DRBERT_CUBLASLT(cublasLtMatmulDescSetAttribute)(description, attribute, &value, sizeof(value)));
        };
        set(CUBLASLT_MATMUL_DESC_TRANSA, b_.operation());
        set(CUBLASLT_MATMUL_DESC_TRANSB, a_.operation());
        if (bias_.defined()) {
            set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
            set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias_.const_data_ptr());
        }
        return description;
    }

    double milliseconds(const Kernel& kernel, const at::Tensor& output, int repetitions) const {
        c10::Event begin(c10::kCUDA, c10::EventFlag::BACKEND_DEFAULT), end(c10::kCUDA, c10::EventFlag::BACKEND_DEFAULT);
        const c10::Stream stream = c10::cuda::getCurrentCUDAStream(output.device().index());
        begin.record(stream);
        for (int i = 0; i < repetitions; ++i) {
            run(kernel, output);
        }
        end.record(stream);
        end.synchronize();
        return begin.elapsedTime(end) / repetitions;
    }

    Operand a_, b_;
    at::Tensor output_, bias_;
    bool adds_;
    cudaDataType_t type_;
    Owned<cublasLtMatmulDesc_t> description_;
    Owned<cublasLtMatrixLayout_t> a_layout_, b_layout_, output_layout_;
};

bool is_worth_measuring(const at::Tensor& a, const at::Tensor& b) {
    const bool is_half = a.scalar_type() == at::kHalf || a.scalar_type() == at::kBFloat16;
    const double operations = 2.0 * static_cast<double>(a.size(0)) * static_cast<double>(a.size(1)) * static_cast<double>(b.size(1));
    // What is measured may be another kernel the next time, whose sums have another order.
    return a.is_cuda() && is_half && operations >= kLeastOperations && b.scalar_type() == a.scalar_type() && Operand(a).is_supported() && Operand(b).is_supported() &&
           is_cublaslt_there() && !at::globalContext().deterministicAlgorithms();
}

// Whether the product took place.
bool run_fastest(const at::Tensor& output, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias, bool adds) {
    static std::mutex mutex;
    static std::map<Kind, std::optional<Kernel>> chosen;
    const c10::DeviceGuard guard(output.device());
    const Product product(output, a, b, bias, adds);
    const std::lock_guard lock(mutex);
    auto found = chosen.find(product.kind());
    if (found == chosen.end()) {
        // Nothing can be measured while a graph is recorded.
        if (c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None) {
            return false;
        }
        found = chosen.emplace(product.kind(), product.fastest()).first;
    }
    return found->second && product.run(*found->second, output);
}
#else
bool is_worth_measuring(const at::Tensor&, const at::Tensor&) { return false; }
bool run_fastest(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, bool) { return false; }
#endif

}  // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
    if (is_worth_measuring(a, b)) {
        const at::Tensor output = at::empty({a.size(0), b.size(1)}, a.options());
        if (run_fastest(output, a, b, bias, /*adds=*/false)) {
            return output;
        }
    }
    return bias.defined() ? at::addmm(bias, a, b) : at::mm(a, b);
}

void add_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b) {
    const bool is_like_product = sum.is_contiguous() && sum.scalar_type() == a.scalar_type();
    if (!is_like_product || !is_worth_measuring(a, b) || !run_fastest(sum, a, b, {}, /*adds=*/true)) {
        sum.addmm_(a, b);
    }
}

}  // namespace drbert
