// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Creating and reading tensors")
struct CreationTests {
    @Test("host values arrive in row-major order and come back")
    func roundTrip() throws {
        let x = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        #expect(x.shape == [2, 3])
        #expect(x.rank == 2)
        #expect(x.count == 6)
        #expect(x.dtype == .float32)
        #expect(x.device == .cpu)
        #expect(!x.isSparse)
        #expect(x.size(0) == 2 && x.size(-1) == 3)
        #expect(try x.array(Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(try x.transposed().array(Float.self) == [1, 4, 2, 5, 3, 6])
    }

    @Test("every element type of Swift survives the trip")
    func elementTypes() throws {
        #expect(try Tensor([Double.pi]).array(Double.self) == [Double.pi])
        #expect(try Tensor([Int64.min, .max]).array(Int64.self) == [.min, .max])
        #expect(try Tensor([Int32.min, .max]).array(Int32.self) == [.min, .max])
        #expect(try Tensor([0, 255] as [UInt8]).array(UInt8.self) == [0, 255])
        #expect(try Tensor([true, false]).array(Bool.self) == [true, false])
        #expect(try Tensor([Float]()).array(Float.self) == [])
    }

    @Test("the shape must have room for exactly the values")
    func wrongCount() throws {
        let error = try #require(throws: TorchError.self) { try Tensor([1, 2, 3] as [Float], shape: [2, 2]) }
        #expect(error.description == "tensor [2, 2]: needs 4 values, found 3")
    }

    @Test("constants and ranges", arguments: DType.allCases)
    func constants(_ dtype: DType) throws {
        for (tensor, value) in try [
            (Tensor.full([2], 1, dtype), 1.0), (.zeros([2], dtype), 0), (.ones([2], dtype), 1),
        ] {
            #expect(tensor.dtype == dtype)
            #expect(tensor.shape == [2])
            #expect(try tensor.doubles() == [value, value])
        }
        #expect(try Tensor.scalar(1, dtype).shape == [])
        #expect(try Tensor.scalar(1, dtype).item() == 1)
    }

    @Test("a range is its numbers, in the type asked for")
    func range() throws {
        #expect(try Tensor.range(-1..<3).array(Int64.self) == [-1, 0, 1, 2])
        #expect(try Tensor.range(2..<4, .float32).array(Float.self) == [2, 3])
        #expect(try Tensor.range(0..<0).count == 0)
    }

    @Test("conversion rounds towards zero and keeps what it need not convert")
    func conversion() throws {
        let x = try Tensor([-1.7, 0, 2.9] as [Float])
        #expect(try x.to(.int32).array(Int32.self) == [-1, 0, 2])
        #expect(try x.to(.bool).array(Bool.self) == [true, false, true])
        #expect(try x.to(.float16).to(.float64).dtype == .float64)
        #expect(try x.to(.float32).isSame(as: x))
        #expect(try x.to(.cpu).isSame(as: x))
        #expect(try x.integers() == [-1, 0, 2])
        #expect(try Tensor([Int64(3)]).floats() == [3])
        #expect(try Tensor([Int64(3)]).doubles() == [3])
    }

    @Test("a copy has storage of its own; a plain copy of the value has not")
    func copy() throws {
        let x = try Tensor([1, 2] as [Float])
        let (shared, separate) = (x, try x.copy())
        try x.fill(7)
        #expect(shared.isSame(as: x) && !separate.isSame(as: x))
        #expect(try shared.floats() == [7, 7])
        #expect(try separate.floats() == [1, 2])
    }

    @Test("bytes are the elements' own, little end first")
    func bytes() throws {
        #expect(try Tensor([1, 256] as [Int32]).bytes() == [1, 0, 0, 0, 0, 1, 0, 0])
        #expect(try Tensor([1] as [Float]).to(.bfloat16).bytes() == [0x80, 0x3F])
    }

    @Test("reading another type than the tensor holds says how to convert")
    func wrongType() throws {
        let error = try #require(throws: TorchError.self) { try Tensor([1] as [Float]).array(Double.self) }
        #expect(error.operation == "array(Double) of [1]")
        #expect(error.message.contains("holds float32") && error.message.contains("to(.float64)"))
    }

    @Test("only a single element is a number")
    func item() throws {
        #expect(try Tensor([2.5] as [Float], shape: [1, 1]).item() == 2.5)
        let error = try #require(throws: TorchError.self) { try Tensor([1, 2] as [Float]).item() }
        #expect(error.operation == "item [2]")
        #expect(!error.message.isEmpty)
    }

    @Test("a description has no values")
    func description() throws {
        #expect(try "\(Tensor([41, 42] as [Float]))" == "Tensor(float32, [2], cpu)")
    }

    @Test("element types know their size and their name in files", arguments: DType.allCases)
    func dtypes(_ dtype: DType) throws {
        #expect(DType(dtype.scalarType) == dtype)
        #expect(try Tensor.zeros([3], dtype).bytes().count == 3 * dtype.byteCount)
    }
}

@Suite("Devices and the runtime")
struct DeviceTests {
    @Test("the names of devices are read and written")
    func names() throws {
        #expect(try Device(named: "cpu") == .cpu)
        #expect(Device.cpu.description == "cpu")
        #expect(Device.cuda(3).description == "cuda:3")
    }

    @Test("unknown names are refused", arguments: ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:0:0"])
    func unknown(_ name: String) throws {
        let error = try #require(throws: TorchError.self) { try Device(named: name) }
        #expect(error.operation == "device '\(name)'")
        #expect(error.message.contains("expected cpu, cuda or cuda:N"))
    }

    @Test("a device that this machine lacks is refused with what to do")
    func missing() throws {
        let error = try #require(throws: TorchError.self) { try Device(named: "cuda:\(Runtime.cudaDeviceCount)") }
        #expect(error.message.contains("\(Runtime.cudaDeviceCount) CUDA devices"))
        #expect(error.message.contains("--device cpu"))
    }

    @Test("the runtime knows its version and has nothing to wait for on the CPU")
    func runtime() throws {
        #expect(Runtime.version.hasPrefix("2."))
        #expect(Runtime.threads >= 1)
        try Runtime.synchronize(.cpu)
    }

    #if os(Linux)
        // On the main thread, as the command trains: glibc gives the heaps of other threads back whole.
        @Test("while training, a large tensor takes the memory of one that was freed")
        @MainActor
        func memory() throws {
            Runtime.keepFreedMemory(for: .training)
            func faults() -> Int {
                var usage = rusage()
                getrusage(.init(1), &usage)  // RUSAGE_THREAD
                return usage.ru_minflt
            }
            // 48 MiB are 12,288 pages. Other tests may take the freed memory first, so one of many tries is enough.
            let isReused = try (0..<200).contains { _ in
                let before = faults()
                _ = try Tensor.ones([12 << 20])
                return faults() - before < 1_000
            }
            #expect(isReused)
        }
    #endif
}
