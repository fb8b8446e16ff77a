package settee.interop;

import org.apache.seata.core.exception.TransactionException;
import org.apache.seata.tm.api.TransactionalExecutor;

/** The exceptions of Seata that carry a code. */
final class SeataNames {
  private SeataNames() {}

  /** Name of the code of the exception; "" when it has none. */
  static String codeOf(Throwable thrown) {
    if (thrown instanceof TransactionException one && one.getCode() != null) {
      return one.getCode().name();
    }
    if (thrown instanceof TransactionalExecutor.ExecutionException one && one.getCode() != null) {
      return one.getCode().name();
    }
    return "";
  }
}
