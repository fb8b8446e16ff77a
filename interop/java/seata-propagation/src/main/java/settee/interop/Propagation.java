package settee.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.seata.core.context.RootContext;

/**
 * Servers that say in which global transaction they were called, and clients that call from within
 * one. Requests are lines of JSON on stdin, answered in order on stdout by one thread.
 */
public final class Propagation {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Propagation() {}

  public static void main(String[] arguments) throws Exception {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    // Libraries that print must not disturb the answers.
    System.setOut(System.err);
    HttpSide http = new HttpSide();
    GrpcSide grpc = new GrpcSide();
    out.println(JSON.writeValueAsString(Map.of("ready", true)));
    var reader = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      JsonNode request = JSON.readTree(line);
      Map<String, Object> answer = new LinkedHashMap<>();
      answer.put("id", request.get("id"));
      try {
        answer.put("ok", run(request, http, grpc));
      } catch (Throwable thrown) {
        thrown.printStackTrace();
        answer.put("error", Map.of("type", thrown.getClass().getName(), "message", "" + thrown));
      }
      out.println(JSON.writeValueAsString(answer));
    }
    System.exit(0);
  }

  private static Object run(JsonNode request, HttpSide http, GrpcSide grpc) throws Exception {
    String xid = request.path("xid").asText("");
    if (!xid.isEmpty()) RootContext.bind(xid);
    try {
      switch (request.get("op").asText()) {
        case "ports":
          return Map.of("http", http.port(), "grpc", grpc.port());
        case "callHttp":
          return Map.of("text", http.call(request.get("port").asInt()));
        case "callGrpc":
          return Map.of("text", grpc.call(request.get("port").asInt()));
        default:
          throw new IllegalArgumentException("unknown op");
      }
    } finally {
      RootContext.unbind();
    }
  }

  /** What the thread is bound to: `xid branchType`, with `none` for what is not there. */
  static String describeContext() {
    String xid = RootContext.getXID();
    return xid == null ? "none none" : xid + " " + RootContext.getBranchType();
  }
}
