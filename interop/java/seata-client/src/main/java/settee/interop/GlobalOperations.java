package settee.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import org.apache.seata.core.context.RootContext;
import org.apache.seata.core.model.GlobalStatus;
import org.apache.seata.core.model.TransactionManager;
import org.apache.seata.tm.TransactionManagerHolder;
import org.apache.seata.tm.api.GlobalTransaction;
import org.apache.seata.tm.api.GlobalTransactionContext;

/** What an application does to global transactions. */
final class GlobalOperations {
  private final ThreadLocal<GlobalTransaction> current = new ThreadLocal<>();

  void addTo(Control control) {
    control.on("begin", this::begin);
    control.on("commit", request -> end(request, true));
    control.on("rollback", request -> end(request, false));
    control.on("bind", request -> {
      RootContext.bind(request.get("xid").asText());
      return null;
    });
    control.on("unbind", request -> {
      RootContext.unbind();
      return null;
    });
    control.on("status", request -> status(manager().getStatus(request.get("xid").asText())));
    control.on("globalReport", request -> {
      GlobalStatus wanted = GlobalStatus.valueOf(request.get("status").asText());
      return status(manager().globalReport(request.get("xid").asText(), wanted));
    });
    // Past the retries and checks of GlobalTransaction: exactly one request.
    control.on("commitOnce", request -> status(manager().commit(request.get("xid").asText())));
    control.on("rollbackOnce", request -> status(manager().rollback(request.get("xid").asText())));
  }

  private Object begin(JsonNode request) throws Exception {
    RootContext.unbind();
    GlobalTransaction transaction = GlobalTransactionContext.createNew();
    transaction.begin(request.path("timeoutMs").asInt(60000), request.path("name").asText("interop"));
    current.set(transaction);
    return Map.of("xid", transaction.getXid());
  }

  private Object end(JsonNode request, boolean isCommit) throws Exception {
    GlobalTransaction transaction = current.get();
    try {
      if (isCommit) transaction.commit();
      else transaction.rollback();
    } finally {
      RootContext.unbind();
    }
    return status(transaction.getLocalStatus());
  }

  private static TransactionManager manager() {
    return TransactionManagerHolder.get();
  }

  private static Map<String, Object> status(GlobalStatus status) {
    return Map.of("status", status.name());
  }
}
