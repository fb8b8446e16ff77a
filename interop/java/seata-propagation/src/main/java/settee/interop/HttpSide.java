package settee.interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Map;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.http.HttpResponse;
import org.apache.http.util.EntityUtils;
import org.apache.seata.integration.http.DefaultHttpExecutor;
import org.apache.seata.integration.http.TransactionPropagationInterceptor;

/** A web server with Seata's interceptor for Spring, and Seata's HTTP client. */
final class HttpSide {
  private final Connector connector = new Connector();

  HttpSide() throws Exception {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(Files.createTempDirectory("settee-tomcat-").toString());
    connector.setPort(0);
    connector.setProperty("address", "127.0.0.1");
    // One thread, so that a transaction that stays bound would show in the next request.
    connector.setProperty("maxThreads", "1");
    connector.setProperty("minSpareThreads", "1");
    tomcat.setConnector(connector);
    var context = tomcat.addContext("", null);
    Tomcat.addServlet(context, "interop", new InteropServlet());
    context.addServletMappingDecoded("/*", "interop");
    tomcat.start();
  }

  int port() {
    return connector.getLocalPort();
  }

  String call(int port) throws IOException {
    HttpResponse response =
        DefaultHttpExecutor.getInstance()
            .executeGet("http://127.0.0.1:" + port, "/", Map.of(), HttpResponse.class);
    return EntityUtils.toString(response.getEntity(), StandardCharsets.UTF_8);
  }

  private static final class InteropServlet extends HttpServlet {
    private final TransactionPropagationInterceptor interceptor =
        new TransactionPropagationInterceptor();

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      try {
        if ("bare".equals(request.getQueryString())) {
          response.getWriter().write(Propagation.describeContext());
          return;
        }
        interceptor.preHandle(request, response, this);
        try {
          response.getWriter().write(Propagation.describeContext());
        } finally {
          interceptor.afterCompletion(request, response, this, null);
        }
      } catch (IOException thrown) {
        throw thrown;
      } catch (Exception thrown) {
        throw new IOException(thrown);
      }
    }
  }
}
