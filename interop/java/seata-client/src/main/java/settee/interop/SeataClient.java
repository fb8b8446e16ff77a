package settee.interop;

import org.apache.seata.rm.RMClient;
import org.apache.seata.tm.TMClient;

/**
 * A Java service with Seata's transaction manager and resource managers:
 * {@code java -Dservice.default.grouplist=HOST:PORT … SeataClient APPLICATION_ID}.
 */
public final class SeataClient {
  static final String GROUP = "default_tx_group";

  private SeataClient() {}

  public static void main(String[] arguments) throws Exception {
    String applicationId = arguments[0];
    Control control = new Control();
    TMClient.init(applicationId, GROUP);
    RMClient.init(applicationId, GROUP);
    new GlobalOperations().addTo(control);
    new BranchOperations(applicationId).addTo(control);
    new DatabaseOperations().addTo(control);
    control.serve();
  }
}
