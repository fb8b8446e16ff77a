package settee.interop;

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.seata.integration.grpc.interceptor.client.ClientTransactionInterceptor;
import org.apache.seata.integration.grpc.interceptor.server.ServerTransactionInterceptor;

/** A gRPC server and a client with Seata's interceptors. Messages are plain UTF-8 text. */
final class GrpcSide {
  private static final MethodDescriptor<String, String> METHOD =
      MethodDescriptor.<String, String>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("interop.Context/Describe")
          .setRequestMarshaller(new Text())
          .setResponseMarshaller(new Text())
          .build();

  private final Server server;

  GrpcSide() throws IOException {
    ServerServiceDefinition service =
        ServerServiceDefinition.builder("interop.Context")
            .addMethod(
                METHOD,
                ServerCalls.asyncUnaryCall(
                    (request, observer) -> {
                      observer.onNext(Propagation.describeContext());
                      observer.onCompleted();
                    }))
            .build();
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            // One thread, so that a transaction that stays bound would show in the next call.
            .executor(Executors.newSingleThreadExecutor())
            .addService(ServerInterceptors.intercept(service, new ServerTransactionInterceptor()))
            .build()
            .start();
  }

  int port() {
    return server.getPort();
  }

  String call(int port) throws InterruptedException {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress("127.0.0.1", port)
            .usePlaintext()
            .intercept(new ClientTransactionInterceptor())
            .build();
    try {
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS);
      return ClientCalls.blockingUnaryCall(channel, METHOD, options, "describe");
    } finally {
      channel.shutdownNow();
    }
  }

  private static final class Text implements MethodDescriptor.Marshaller<String> {
    @Override
    public InputStream stream(String value) {
      return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String parse(InputStream stream) {
      try {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      } catch (IOException thrown) {
        throw new UncheckedIOException(thrown);
      }
    }
  }
}
