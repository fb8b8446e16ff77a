package settee.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Takes requests as lines of JSON from stdin and answers on stdout. Each session is a thread of its
 * own, as Seata binds a transaction to the thread; requests of one session run in their order.
 */
final class Control {
  interface Operation {
    Object run(JsonNode request) throws Throwable;
  }

  static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, Operation> operations = new LinkedHashMap<>();
  private final Map<String, ExecutorService> sessions = new ConcurrentHashMap<>();
  private final PrintStream out =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  Control() {
    // Libraries that print must not disturb the answers.
    System.setOut(System.err);
  }

  void on(String name, Operation operation) {
    operations.put(name, operation);
  }

  /** Says that the program is ready, and serves until stdin ends. */
  void serve() throws IOException {
    print(Map.of("ready", true));
    var reader = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      JsonNode request = JSON.readTree(line);
      String session = request.path("session").asText("main");
      sessions
          .computeIfAbsent(session, name -> Executors.newSingleThreadExecutor())
          .execute(() -> answer(request));
    }
    System.exit(0);
  }

  private void answer(JsonNode request) {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("id", request.get("id"));
    try {
      Operation operation = operations.get(request.path("op").asText());
      if (operation == null) throw new IllegalArgumentException("unknown op: " + request);
      Object result = operation.run(request);
      answer.put("ok", result == null ? Map.of() : result);
    } catch (Throwable thrown) {
      System.err.println("answering " + request);
      thrown.printStackTrace();
      answer.put("error", describe(thrown));
    }
    print(answer);
  }

  private static Map<String, String> describe(Throwable thrown) {
    Throwable first = thrown instanceof InvocationTargetException ? thrown.getCause() : thrown;
    StringBuilder chain = new StringBuilder();
    String code = "";
    for (Throwable one = first; one != null; one = one.getCause()) {
      chain.append(one.getClass().getSimpleName()).append(": ").append(one.getMessage());
      if (one.getCause() != null) chain.append(" <- ");
      if (code.isEmpty()) code = SeataNames.codeOf(one);
    }
    Map<String, String> error = new LinkedHashMap<>();
    error.put("type", first.getClass().getSimpleName());
    error.put("message", String.valueOf(first.getMessage()));
    error.put("code", code);
    error.put("chain", chain.toString());
    return error;
  }

  private synchronized void print(Object value) {
    try {
      out.println(JSON.writeValueAsString(value));
    } catch (IOException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
